"""`python -m ticketing.stack run | reset`."""

import argparse
import os
import sys

from ticketing.stack.environment import find_folder
from ticketing.stack.run import StackError, Stopped, reset, run

_HIGHEST_PORT = 65_535


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"PORT must be a number from 1 to {_HIGHEST_PORT}.")
    return int(text)


def main() -> int:
    """Obey the command line. Return 0, or 1 with a message."""
    parser = argparse.ArgumentParser(prog="python -m ticketing.stack")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("run", help="start everything and stay")
    start.add_argument("--port", type=_port, default=os.environ.get("PORT") or "8000")
    start.add_argument("--restart", action="store_true", help="start dead processes again")
    commands.add_parser("reset", help="delete all data")
    arguments = parser.parse_args()
    try:
        if arguments.command == "run":
            run(find_folder(), port=arguments.port, restart=arguments.restart)
        else:
            reset(find_folder())
    except StackError as error:
        print(f"\n  {error}", file=sys.stderr)  # noqa: T201 - we speak to a person
        return 1
    except Stopped:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
