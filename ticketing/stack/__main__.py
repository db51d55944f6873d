"""Entry point of `python -m ticketing.stack`. The commands are in `cli`."""

import signal
import sys

# The imports below take seconds. With the default handler, Ctrl-C during them prints no traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from ticketing.stack.cli import main  # noqa: E402 - after the signal handler is set

if __name__ == "__main__":
    sys.exit(main())
