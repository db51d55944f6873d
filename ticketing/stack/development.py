"""`make dev`: restarts our processes when the code changes, and prints their logs."""

from pathlib import Path
from typing import Final, NoReturn

from ticketing.stack.environment import PROJECT
from ticketing.stack.narration import say, say_line_of
from ticketing.stack.processes import Child, Roster
from ticketing.stack.stopping import StopRequest

SETTINGS: Final = "config.settings.development"
_FOLDERS: Final = ("config", "events", "orders", "ticketing", "tickets")
_SUFFIXES: Final = (".py", ".html", ".lua")
_PAUSE_SECONDS: Final = 0.3

# Each source file with its modification time.
Sources = dict[Path, float]


def restart_on_changes(programs: list[Child], roster: Roster, stop: StopRequest) -> NoReturn:
    """
    Restart our processes one after the other whenever the code changes, and print their logs.

    A process that ended, perhaps by an error in the code, is started again at the next change.
    PostgreSQL, Valkey and the local AWS are not restarted.

    :raises Stopped: after a signal to stop
    """
    printed = dict.fromkeys(programs, 0)
    ended: set[Child] = set()
    before = _find_sources()
    while True:
        for child in programs:
            printed[child] = _print_new_lines(child, after=printed[child])
        for child in set(roster.dead_children()) - ended:
            say(f"{child.name} ended; it will be restarted when the code changes")
            ended.add(child)
        stop.pause(_PAUSE_SECONDS)
        now = _find_sources()
        changed = sorted({path for path, _at in before.items() ^ now.items()})
        before = now
        if not changed or not all(_is_python(path) for path in changed if path in now):
            continue
        say(f"{changed[0].relative_to(PROJECT)} changed; restarting all processes")
        for child in programs:
            child.stop()
            roster.restart(child)
            stop.check()
        ended.clear()


def _find_sources() -> Sources:
    return {
        path: path.stat().st_mtime
        for folder in _FOLDERS
        for path in (PROJECT / folder).rglob("*")
        if path.suffix in _SUFFIXES
    }


def _is_python(path: Path) -> bool:
    """
    Return whether a changed file can be loaded: a Python file must have valid syntax.

    With a syntax error every restarted process would end, so the running ones are kept.
    """
    if path.suffix != ".py":
        return True
    try:
        compile(path.read_bytes(), path, "exec")
    except SyntaxError as error:
        say(
            f"{path.relative_to(PROJECT)}, line {error.lineno}: {error.msg};"
            " not restarting until this is fixed"
        )
        return False
    return True


def _print_new_lines(child: Child, *, after: int) -> int:
    """Print the whole lines of a child's log after byte `after`. Return where they end."""
    with child.log.open("rb") as log:
        log.seek(after)
        new = log.read()
    whole_lines = new[: new.rfind(b"\n") + 1]
    for line in whole_lines.decode(errors="replace").splitlines():
        say_line_of(child.name, line)
    return after + len(whole_lines)
