"""Changes to Python modules: cosmic-ray's operators, and three of our own for Django code."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

# Operators whose changes give plausible wrong code, such as `<=` for `<`. Not those whose changes
# raise at once, such as `is` for `<`.
_OPERATORS: Final = [
    "core/AddNot",
    "core/RemoveDecorator",
    "core/ReplaceAndWithOr",
    "core/ReplaceBinaryOperator_Add_Sub",
    "core/ReplaceBinaryOperator_BitAnd_BitOr",
    "core/ReplaceBinaryOperator_BitOr_BitAnd",
    "core/ReplaceBinaryOperator_LShift_Mul",
    "core/ReplaceBinaryOperator_Mul_Add",
    "core/ReplaceBinaryOperator_Sub_Add",
    "core/ReplaceBreakWithContinue",
    "core/ReplaceComparisonOperator_Eq_NotEq",
    "core/ReplaceComparisonOperator_GtE_Gt",
    "core/ReplaceComparisonOperator_Gt_GtE",
    "core/ReplaceComparisonOperator_IsNot_Is",
    "core/ReplaceComparisonOperator_Is_IsNot",
    "core/ReplaceComparisonOperator_LtE_Lt",
    "core/ReplaceComparisonOperator_Lt_LtE",
    "core/ReplaceComparisonOperator_NotEq_Eq",
    "core/ReplaceContinueWithBreak",
    "core/ReplaceFalseWithTrue",
    "core/ReplaceOrWithAnd",
    "core/ReplaceTrueWithFalse",
    "core/ReplaceUnaryOperator_Delete_Not",
    "core/ReplaceUnaryOperator_Invert_Not",
    "core/ZeroIterationForLoop",
]
# Changes to these options alter no behavior unless there is a bug elsewhere.
_ASSERTIONS: Final = re.compile(r"\b(strict|frozen|slots|kw_only|durable)=(True|False)|[\s,]")
# Stands for the line of an annotation, which has no effect on behavior.
_ANNOTATION: Final = 0
_LOOKUPS: Final = {"lte": "lt", "lt": "lte", "gte": "gt", "gt": "gte"}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one file: the line, its text before and after, and the changed file's text."""

    path: str
    line: int
    was: str
    becomes: str
    text: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Return an identity that stays the same when other lines of the file change."""
        return self.path, self.was, self.becomes

    @property
    def digest(self) -> str:
        """Return an identity that changes when anything in the same function or class changes."""
        is_python = self.path.endswith(".py")
        part = _statement_at(self.line, self.text) if is_python else self.text
        return sha256(f"{self.path}\n{part}".encode()).hexdigest()


class DropKeyword(Operator):  # type: ignore[misc]  # cosmic-ray has no types
    """Remove one `name=value` from a call: a condition of a query, a column of an update."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        if node.type == "argument" and node.children[0].type == "name":
            siblings = node.parent.children
            if node.parent.type == "arglist" and len(siblings) > 1:
                yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        siblings = node.parent.children
        place = next(i for i, sibling in enumerate(siblings) if sibling is node)
        comma = place + 1 if place + 1 < len(siblings) else place - 1
        siblings[comma].value = ""
        siblings[comma].prefix = ""
        return _nothing(node)

    @classmethod
    def examples(cls) -> Iterable[Any]:
        return ()


class DropStatement(Operator):  # type: ignore[misc]  # cosmic-ray has no types
    """Remove a call whose result is not used."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        is_statement = node.parent is not None and node.parent.type == "simple_stmt"
        if is_statement and node.type in {"atom_expr", "power"}:
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        return _word(node, "pass")

    @classmethod
    def examples(cls) -> Iterable[Any]:
        return ()


class ShiftLookup(Operator):  # type: ignore[misc]  # cosmic-ray has no types
    """Change the lookup of a query's range: `__lte` becomes `__lt`."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        if (
            node.type == "name"
            and node.value.rpartition("__")[2] in _LOOKUPS
            and "__" in node.value
        ):
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        field, _, lookup = node.value.rpartition("__")
        return _word(node, f"{field}__{_LOOKUPS[lookup]}")

    @classmethod
    def examples(cls) -> Iterable[Any]:
        return ()


def changes_of(path: Path, root: Path) -> list[Change]:
    """Return all changes to the functions of one module, in the order of its lines."""
    source = path.read_text()
    operators = [get_operator(name)() for name in _OPERATORS]
    found: dict[tuple[int, str, str], Change] = {}
    for operator in [*operators, DropKeyword(), DropStatement(), ShiftLookup()]:
        for occurrence, line in enumerate(_positions(source, operator)):
            text = None if line == _ANNOTATION else mutate_code(source, operator, occurrence)
            if text is None or not _compiles(text):
                continue
            changed = _describe(source, text, line)
            if changed is None or not _is_code(source, line):
                continue
            was, becomes = changed
            if _behavior(was) == _behavior(becomes):
                continue
            change = Change(str(path.relative_to(root)), line, was, becomes, text)
            found.setdefault((line, was, becomes), change)
    return sorted(found.values(), key=lambda change: change.line)


def _positions(source: str, operator: Any) -> list[int]:
    tree = get_ast(source)
    return [
        _ANNOTATION if _is_in_annotation(node) else start[0]
        for node in ast_nodes(tree)
        for start, _end in operator.mutation_positions(node)
    ]


def _is_in_annotation(node: Any) -> bool:
    while node.parent is not None:
        children = node.parent.children
        # Of a parameter (`name: type`), of a variable (`: type = value`), or of a result.
        if node.parent.type == "tfpdef" and node is children[2]:
            return True
        if node.parent.type == "annassign" and node is children[1]:
            return True
        if node.parent.type == "funcdef" and node is node.parent.annotation:
            return True
        node = node.parent
    return False


def _describe(source: str, text: str, line: int) -> tuple[str, str] | None:
    before, after = source.splitlines(), text.splitlines()
    first = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
    if first is None:
        return None
    if text.count("\n") < source.count("\n"):
        return before[line - 1].strip(), ""
    return before[first].strip(), after[first].strip()


def _behavior(line: str) -> str:
    """Remove parts without effect on behavior: options in `_ASSERTIONS`."""
    return _ASSERTIONS.sub("", line)


def _is_code(source: str, line: int) -> bool:
    """Return whether a line may be changed: no imports, signatures or module constants."""
    text = source.splitlines()[line - 1]
    indented = text.startswith((" ", "@"))
    is_signature = text.strip().startswith(("def ", "class ", "import ", "from "))
    return indented and not is_signature


def _statement_at(line: int, text: str) -> str:
    """Return the function, class or other statement of a module that a line belongs to."""
    statements = ast.parse(text).body
    found = [each for each in statements if _first_line(each) <= line <= (each.end_lineno or 0)]
    return "\n".join(ast.unparse(each) for each in found)


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    return min(each.lineno for each in [statement, *decorators])


def _compiles(text: str) -> bool:
    try:
        compile(text, "change", "exec")
    except SyntaxError:
        return False
    return True


def _word(node: Any, text: str) -> Any:
    return parso.python.tree.Name(text, node.start_pos, node.get_first_leaf().prefix)


def _nothing(node: Any) -> Any:
    return parso.python.tree.Name("", node.start_pos, "")
