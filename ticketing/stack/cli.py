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
# The exit code that a shell uses for a program ended by Ctrl-C.
_INTERRUPTED = 130
# The defaults of docker-compose.yml.
_COMPOSE_API_TOKEN = "api_docker-compose-demo-token"  # noqa: S105 - an example
_COMPOSE_DEVICE_TOKEN = "dev_docker-compose-demo-token"  # noqa: S105 - an example


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"PORT must be a number from 1 to {_HIGHEST_PORT}.")
    return int(text)


def main() -> int:
    """Run the command that the command line names. Return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m ticketing.stack")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("run", help="start the whole system and run until Ctrl-C")
    start.add_argument(
        "--port",
        type=_port,
        default=os.environ.get("PORT") or "8000",
        help="port of the web server (default: %(default)s)",
    )
    start.add_argument("--restart", action="store_true", help="restart processes that died")
    start.add_argument(
        "--develop", action="store_true", help="restart our processes when the code changes"
    )
    commands.add_parser("shell", help="open a Django shell with the data of the running stack")
    commands.add_parser("reset", help="delete all data of the local stack")
    demo = commands.add_parser(
        "demo", help="sell two tickets over HTTP, from creating the event to the scan at the door"
    )
    demo.add_argument(
        "--url", help="use the system at this URL, such as the one of `docker compose up`"
    )
    demo.add_argument(
        "--api-token",
        default=os.environ.get("DEMO_API_TOKEN") or _COMPOSE_API_TOKEN,
        help="the organizer's API token for --url",
    )
    demo.add_argument(
        "--device-token",
        default=os.environ.get("DEMO_DEVICE_TOKEN") or _COMPOSE_DEVICE_TOKEN,
        help="the door device's token for --url",
    )
    commands.add_parser("check", help="check the migrations and the production settings")
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
        print(f"\n  {error}", file=sys.stderr)  # noqa: T201 - output of a command
        return 1
    except Stopped:
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _open_shell() -> None:
    folder = find_folder()
    if find_running(folder) is None:
        raise StackNotRunning("No stack runs here. Start one with `make run`, then try again.")
    os.chdir(PROJECT)
    command = [sys.executable, "-W", "ignore", "manage.py", "shell"]
    # The shell replaces this process, so that Ctrl-C reaches the shell only.
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
    print("  No stack runs here: starting one for the demo (takes a while).", flush=True)  # noqa: T201
    folder.path.mkdir(parents=True, exist_ok=True)
    with running_stack(folder.path) as stack:
        walk(Target.of_stack(stack), keep=folder.path / "demo")
