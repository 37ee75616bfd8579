"""Run a program that ends with the process that started it: `leash.py PARENT COMMAND...`.

A supervisor that is killed outright stops nobody. On Linux, a process can ask the kernel for a
signal when its parent is gone (prctl(2), PR_SET_PDEATHSIG), and keeps that wish through exec;
elsewhere the program is run as it is.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, and become the command."""
    parent, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == int(parent):  # else it has died before it was asked about
        os.execv(command[0], command)


if __name__ == "__main__":
    main()
