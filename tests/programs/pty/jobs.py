"""A shell of one job, which says what it finds when the job stops: ``python jobs.py PROGRAM ARGUMENT…``.

The job has its own process group in the foreground of the terminal. When it stops, the shell takes the terminal, puts
its own modes back and prints ``[stopped MODES]``; a line ``fg`` lets the job go on. At its end it prints ``[ended CODE
MODES]``. MODES are ``echo``, ``lines`` and ``signals`` where the job left the terminal echoing, reading line by line,
and turning keys into signals.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import termios

LFLAG = 3
MODES = (("echo", termios.ECHO), ("lines", termios.ICANON), ("signals", termios.ISIG))


def modes() -> str:
    """How the terminal stands now, as the job left it."""
    flags = termios.tcgetattr(0)[LFLAG]
    return " ".join(name for name, flag in MODES if flags & flag)


def main() -> int:
    """Run the job, and follow it to its end."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # as every shell that takes its terminal back

    own = termios.tcgetattr(0)
    job = subprocess.Popen(sys.argv[1:], process_group=0)
    os.tcsetpgrp(0, job.pid)
    while True:
        _, status = os.waitpid(job.pid, os.WUNTRACED)
        os.tcsetpgrp(0, os.getpgrp())
        if not os.WIFSTOPPED(status):
            print(f"\n[ended {os.waitstatus_to_exitcode(status)} {modes()}]", flush=True)
            return 0
        left = modes()
        termios.tcsetattr(0, termios.TCSADRAIN, own)
        print(f"\n[stopped {left}]", flush=True)  # not before: whoever reads it may type at once
        while sys.stdin.readline().strip() != "fg":
            pass
        os.tcsetpgrp(0, job.pid)
        os.killpg(job.pid, signal.SIGCONT)


if __name__ == "__main__":
    sys.exit(main())
