"""The documents name files, links, modules and commands that exist."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CODE_FOLDERS = ("config", "events", "orders", "tickets", "ticketing", "tests")
# Folders that exist only after a command has created them.
MADE_LATER = {".git", ".local", ".venv"}
# The quick start asks its reader to write this file.
NOT_OURS = {"receiver.py"}

FENCED = re.compile(r"^( *)(```+|~~~+).*?^\1\2", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*/?")
SOURCE = re.compile(r".*\.(?:json|lua|md|po|py|sql|toml|ya?ml)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
MODULE = re.compile(r"python -m ([\w.]+)")
TARGET = re.compile(r"(?:^|`)make ([a-z]+)\b", re.MULTILINE)

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def prose(document: Path) -> str:
    return FENCED.sub("", document.read_text())


def paths_named_in(text: str) -> Iterator[str]:
    for span in SPAN.findall(text):
        for word in re.split(r"[\s=]+", span):
            path = word.partition("::")[0]
            first, slash, _ = path.partition("/")
            if not PATH.fullmatch(path) or first in MADE_LATER | NOT_OURS:
                continue
            if SOURCE.fullmatch(path) or (slash and (ROOT / first).exists()):
                yield path


def is_in_repository(path: str) -> bool:
    if "*" in path:
        return any(ROOT.glob(path))
    if (ROOT / path).exists():
        return True
    # Documents may name a file without its folder where the folder is clear.
    return "/" not in path and any(any((ROOT / top).rglob(path)) for top in CODE_FOLDERS)


def anchors_of(document: Path) -> set[str]:
    """Return the anchors that GitHub generates for the document's headings."""
    found, seen = set(), Counter[str]()
    for heading in HEADING.findall(prose(document)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


@each_document
def test_every_path_that_a_document_names_exists(document: Path):
    missing = [path for path in paths_named_in(prose(document)) if not is_in_repository(path)]

    assert missing == []


@each_document
def test_every_relative_link_leads_to_a_file_and_its_heading(document: Path):
    broken = []
    for link in LINK.findall(SPAN.sub("", prose(document))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = document.parent / file if file else document
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(link)

    assert broken == []


@each_document
def test_every_module_that_a_document_runs_exists(document: Path):
    modules = [
        Path(*module.split("."))
        for module in MODULE.findall(document.read_text())
        if module.partition(".")[0] in CODE_FOLDERS
    ]
    missing = [
        str(module)
        for module in modules
        if not (ROOT / module).is_dir() and not (ROOT / module.with_suffix(".py")).is_file()
    ]

    assert missing == []


@each_document
def test_every_target_of_make_that_a_document_names_exists(document: Path):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert set(TARGET.findall(document.read_text())) <= set(targets)


def test_the_architecture_document_lists_each_package():
    text = (ROOT / "docs/architecture.md").read_text()
    listed = re.findall(r"^\| `([a-z_/]+)/` \|", text, re.MULTILINE)
    packages = [
        path.parent.relative_to(ROOT)
        for top in CODE_FOLDERS
        if top != "tests"
        for path in (ROOT / top).rglob("__init__.py")
    ]
    unlisted = [
        str(package)
        for package in packages
        if not {"migrations", "commands"} & set(package.parts) and str(package) not in listed
    ]

    assert unlisted == []


def test_a_heading_gets_the_anchor_that_github_generates(tmp_path: Path):
    document = tmp_path / "one.md"
    document.write_text("# What's `new`, in 1.0?\n## Same\n```\n# no heading\n```\n## Same\n")

    assert anchors_of(document) == {"whats-new-in-10", "same", "same-1"}


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("`events/nothing.py`", ["events/nothing.py"]),
        ("`make test T=tests/test_no.py::test_x`", ["tests/test_no.py"]),
        ("`events/nothing/`", ["events/nothing/"]),
        ("`nothing.py`", ["nothing.py"]),
        ("`/orders/{id}`, `application/json`, `.venv/bin/ruff`, `POST /orders`", []),
    ],
)
def test_what_counts_as_a_path_of_the_repository(text: str, paths: list[str]):
    assert list(paths_named_in(text)) == paths
