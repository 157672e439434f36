"""Runs an MCP server's command so that it does not outlive this server, even one that was killed.

It is started in the place of the command, asks Linux for a signal when its parent ends, and becomes
the command. Elsewhere the command is run as it is, and ends when its input does. The standard
library alone: it is run by itself, without ours.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the command; the arguments are the id of the parent, and the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # It may have ended before the signal was asked for.
    if os.getppid() != parent:
        raise SystemExit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
