"""
Create .venv and install the locked packages into it. `make` runs this first.

No package is installed yet, so this module imports the standard library only.
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
_PACKAGES_PER_LINE: Final = 25
# The exit code that a shell uses for a program ended by Ctrl-C.
_INTERRUPTED: Final = 130


def main() -> int:
    """Install the packages and print the progress. Return 0, or 1 after printing the error."""
    try:
        if not _works():
            _say("creating .venv")
            shutil.rmtree(_VENV, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(_VENV)], check=True)  # noqa: S603
        return _install()
    except (subprocess.CalledProcessError, OSError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return _INTERRUPTED


def _works() -> bool:
    # A .venv does not work after its folder was moved or its Python was removed by an upgrade.
    config = _VENV / "pyvenv.cfg"
    if not _PYTHON.exists() or f" {_VENV}\n" not in config.read_text():
        return False
    pip_version = [str(_PYTHON), "-m", "pip", "--version"]
    done = subprocess.run(pip_version, capture_output=True, check=False)  # noqa: S603
    return done.returncode == 0


def _install() -> int:
    total = sum("==" in line for line in _LOCK.read_text().splitlines())
    _say(f"installing {total} packages into .venv (only once; takes a few minutes)")
    output: list[str] = []
    with subprocess.Popen(  # noqa: S603 - our own command
        _PIP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        for collected in _collected(pip, output):
            if collected % _PACKAGES_PER_LINE == 0:
                _say(f"downloaded {collected} of {total} packages")
    if pip.returncode == 0:
        return 0
    errors = [line for line in output if "WARNING" not in line]
    return _fail("\n  ".join(["", *errors[-_LAST_LINES:]]))


def _collected(pip: subprocess.Popen[str], output: list[str]) -> Iterator[int]:
    count = 0
    for line in pip.stdout or ():
        output.append(line.rstrip())
        if line.startswith(("Collecting", "Requirement already")):
            count += 1
            yield count
        elif line.startswith("Installing"):
            _say("unpacking the packages")


def _say(what: str) -> None:
    print(f"  · {what}", flush=True)  # noqa: T201 - output of a command


def _fail(what: str) -> int:
    print(  # noqa: T201
        f"  {what.strip()}\n\n  The packages could not be installed; the reason is above."
        " Nothing was started. Run the same command again to retry.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
