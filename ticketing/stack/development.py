"""What `make dev` adds: processes start again when code changes, and their logs are shown."""

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

# Each file of the code, and when it was written.
Sources = dict[Path, float]


def restart_on_changes(programs: list[Child], roster: Roster, stop: StopRequest) -> NoReturn:
    """
    Start our own processes again whenever code changes, one after the other, and print their logs.

    A process that ended, perhaps by an error in the code, starts again with the next change. The
    servers stay as they are.

    :raises Stopped: if somebody asked
    """
    printed = dict.fromkeys(programs, 0)
    ended: set[Child] = set()
    before = _find_sources()
    while True:
        for child in programs:
            printed[child] = _print_new_lines(child, after=printed[child])
        for child in set(roster.the_dead()) - ended:
            say(f"{child.name} ended; it starts again when the code changes")
            ended.add(child)
        stop.pause(_PAUSE_SECONDS)
        now = _find_sources()
        changed = sorted({path for path, _at in before.items() ^ now.items()})
        before = now
        if not changed or not all(_is_python(path) for path in changed if path in now):
            continue
        say(f"{changed[0].relative_to(PROJECT)} changed; starting again")
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
    """Say whether a file has the syntax of Python: without it, no process could load it."""
    if path.suffix != ".py":
        return True
    try:
        compile(path.read_bytes(), path, "exec")
    except SyntaxError as error:
        say(f"{path.relative_to(PROJECT)}, line {error.lineno}: {error.msg}; waiting for a change")
        return False
    return True


def _print_new_lines(child: Child, *, after: int) -> int:
    """Print the lines that a child's log has after so many bytes. Return how many it has now."""
    with child.log.open("rb") as log:
        log.seek(after)
        new = log.read()
    whole_lines = new[: new.rfind(b"\n") + 1]
    for line in whole_lines.decode(errors="replace").splitlines():
        say_line_of(child.name, line)
    return after + len(whole_lines)
