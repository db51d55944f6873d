"""The door of `python -m ticketing.stack`: see `cli`."""

import signal
import sys

# While the modules below are being loaded, Ctrl-C ends us without a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from ticketing.stack.cli import main  # noqa: E402 - see above

if __name__ == "__main__":
    sys.exit(main())
