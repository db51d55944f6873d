"""
Make .venv and install the locked packages into it: the first thing that `make` does.

Runs before anything is installed, so it needs Python alone.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PROJECT: Final = Path(__file__).resolve().parents[2]
_VENV: Final = _PROJECT / ".venv"
_LOCK: Final = _PROJECT / "requirements-dev.txt"
_PYTHON: Final = _VENV / "bin" / "python"
_PIP: Final = (
    str(_PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
    "--progress-bar", "off", "--require-hashes", "-r", str(_LOCK),
)  # fmt: skip
_LAST_LINES: Final = 8
_EVERY: Final = 25
# What a shell reports of a program that Ctrl-C ended.
_INTERRUPTED: Final = 130


def main() -> int:
    """Install, saying how far it is. Return 0, or 1 with what went wrong."""
    try:
        if not _works():
            _say("making .venv")
            shutil.rmtree(_VENV, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(_VENV)], check=True)  # noqa: S603
        return _install()
    except (subprocess.CalledProcessError, OSError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _INTERRUPTED


def _works() -> bool:
    # One that was moved, or whose Python was upgraded away, is made anew.
    made = _VENV / "pyvenv.cfg"
    if not _PYTHON.exists() or f" {_VENV}\n" not in made.read_text():
        return False
    asked = [str(_PYTHON), "-m", "pip", "--version"]
    found = subprocess.run(asked, capture_output=True, check=False)  # noqa: S603
    return found.returncode == 0


def _install() -> int:
    total = sum("==" in line for line in _LOCK.read_text().splitlines())
    _say(f"installing {total} packages: once, a minute or a few")
    output: list[str] = []
    with subprocess.Popen(  # noqa: S603 - our own command
        _PIP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for collected in _collected(pip, output):
            if collected % _EVERY == 0:
                _say(f"{collected} of {total}")
    if pip.returncode == 0:
        return 0
    said = [line for line in output if "WARNING" not in line]
    return _fail("\n  ".join(["", *said[-_LAST_LINES:]]))


def _collected(pip: subprocess.Popen[str], output: list[str]) -> Iterator[int]:
    count = 0
    for line in pip.stdout or ():
        output.append(line.rstrip())
        if line.startswith(("Collecting", "Requirement already")):
            count += 1
            yield count
        elif line.startswith("Installing"):
            _say("unpacking")


def _say(what: str) -> None:
    print(f"  · {what}", flush=True)  # noqa: T201 - we speak to a person


def _fail(what: str) -> int:
    print(  # noqa: T201
        f"  {what.strip()}\n\n  The packages could not be installed: see above."
        " Nothing was started; try again.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
