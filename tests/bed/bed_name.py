"""The name of a bed: one word that marks everything it makes, and says whose it is."""

import itertools
import os
import re

# The owner's pid alone would not do: after the owner's death another process may get it, and the
# leftovers would look owned for as long as that one lives.
PATTERN = re.compile(r"\bnsdbg-([0-9]+)-([0-9]+)-[0-9]+\b")

_numbers = itertools.count()


def new_name() -> str:
    """A name for a bed of this process; the process's start time makes it unique."""
    pid = os.getpid()
    return f"nsdbg-{pid}-{_start_time(pid)}-{next(_numbers)}"


def owner_is_alive(name: str) -> bool:
    """Whether the process that made the bed `name` still runs."""
    match = PATTERN.fullmatch(name)
    return match is not None and _start_time(int(match[1])) == int(match[2])


def _start_time(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # The command name in parentheses may itself contain spaces and parentheses.
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # A zombie has ended; only its parent has not looked yet.
    return None if fields[0] in "ZX" else int(fields[19])
