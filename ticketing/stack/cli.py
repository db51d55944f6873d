"""`python -m ticketing.stack run | shell | reset | demo | check`."""

import argparse
import os
import signal
import sys

from ticketing.stack.checks import check
from ticketing.stack.demo import StepFailed, Target, walk
from ticketing.stack.environment import PROJECT, find_folder, inherited_environment, read_env
from ticketing.stack.run import StackError, Stopped, reset, run
from ticketing.stack.running import StackNotRunning, find_running, running_stack

_HIGHEST_PORT = 65_535
# What a shell reports of a program that Ctrl-C ended.
_INTERRUPTED = 130
# What docker-compose.yml takes where its variables are not set.
_COMPOSE_API_TOKEN = "api_docker-compose-demo-token"  # noqa: S105 - an example, as it says
_COMPOSE_DEVICE_TOKEN = "dev_docker-compose-demo-token"  # noqa: S105 - likewise


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
    start.add_argument("--develop", action="store_true", help="start again when the code changes")
    commands.add_parser("shell", help="open a Django shell beside the stack that runs")
    commands.add_parser("reset", help="delete all data")
    demo = commands.add_parser("demo", help="walk one order from the event to the door")
    demo.add_argument("--url", help="of a system that runs elsewhere, as `docker compose up` does")
    demo.add_argument("--api-token", default=os.environ.get("DEMO_API_TOKEN") or _COMPOSE_API_TOKEN)
    demo.add_argument(
        "--device-token", default=os.environ.get("DEMO_DEVICE_TOKEN") or _COMPOSE_DEVICE_TOKEN
    )
    commands.add_parser("check", help="check migrations and the settings of a deployment")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(inherited_environment())
    try:
        if arguments.command == "run":
            run(
                find_folder(),
                port=arguments.port,
                restart=arguments.restart,
                develop=arguments.develop,
            )
        elif arguments.command == "shell":
            _open_shell()
        elif arguments.command == "demo" and arguments.url:
            _demo_elsewhere(arguments)
        elif arguments.command == "demo":
            _demo()
        elif arguments.command == "check":
            return check()
        else:
            reset(find_folder())
    except (StackError, StackNotRunning, StepFailed) as error:
        print(f"\n  {error}", file=sys.stderr)  # noqa: T201 - we speak to a person
        return 1
    except Stopped:
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _open_shell() -> None:
    folder = find_folder()
    if find_running(folder) is None:
        raise StackNotRunning("No stack runs here. Start one with `make run`, then ask again.")
    os.chdir(PROJECT)
    command = [sys.executable, "-W", "ignore", "manage.py", "shell"]
    # In our place: Ctrl-C is the shell's.
    os.execve(sys.executable, command, inherited_environment() | read_env(folder))  # noqa: S606 - our own command


def _demo_elsewhere(arguments: argparse.Namespace) -> None:
    url = arguments.url.rstrip("/")
    target = Target(
        url=url,
        api_token=arguments.api_token,
        device_token=arguments.device_token,
        mailbox_url=f"{url}/mailbox",
    )
    walk(target, keep=find_folder().path / "demo")


def _demo() -> None:
    folder = find_folder()
    if stack := find_running(folder):
        walk(Target.of_stack(stack), keep=folder.path / "demo")
        return
    print("  no stack runs here: starting one for the demo", flush=True)  # noqa: T201
    folder.path.mkdir(parents=True, exist_ok=True)
    with running_stack(folder.path) as stack:
        walk(Target.of_stack(stack), keep=folder.path / "demo")
