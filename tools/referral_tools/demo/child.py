"""`python -m referral_tools.demo.child ...` is `referral ...` that does not outlive the demo.

Law: its standard input is a pipe of which only the demo holds the other end. When the demo is gone,
killed even, the pipe ends, and this process stops as if it had been asked to.
"""

import os
import signal
import threading

from referral_tools.cli import main


def stop_when_alone() -> None:
    """Wait for the end of standard input, then stop this process by SIGTERM."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=stop_when_alone, name="lifeline", daemon=True).start()
    main(prog_name="referral")
