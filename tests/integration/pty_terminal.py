"""A program at a terminal of its own."""

import os
import pty
import select
import termios
import time

_SECONDS = 60
LINES, COLUMNS = 33, 77


class Terminal:
    """One that runs; end() must be called."""

    def __init__(self, command: list[str], environment: dict[str, str] | None = None):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            termios.tcsetwinsize(0, (LINES, COLUMNS))
            os.execvpe(command[0], command, environment or dict(os.environ))
        self.output = b""

    def read_until(self, text: bytes) -> bytes:
        """Reads until the output has `text` in it."""
        end = time.monotonic() + _SECONDS
        while text not in self.output:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} did not come in {_SECONDS} s: {self.output!r}"
            self.output += os.read(self.master, 4096)
        return self.output

    def end(self) -> int:
        """Its exit code."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self.master)
        return os.waitstatus_to_exitcode(status)
