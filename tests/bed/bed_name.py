"""The name of a bed: one word that marks everything it makes, and says whether its owner lives."""

import itertools
import os
import re
import socket

PATTERN = re.compile(r"\bnsdbg-([0-9]+)-([0-9]+)-[0-9]+\b")

_numbers = itertools.count()
# An abstract socket of the bed's name goes with its process, by whatever that ends. A pid would not
# do: tests also run in PID namespaces of their own, where the same number is another process.
_owned: list[socket.socket] = []


def new_name() -> str:
    """A name that no other living bed has, owned by this process from here on."""
    while True:
        name = f"nsdbg-{os.getpid()}-{_start_time()}-{next(_numbers)}"
        owner = _own(name)
        if owner is not None:
            _owned.append(owner)
            return name


def owner_is_alive(name: str) -> bool:
    """Whether the process that made the bed `name` still runs."""
    owner = _own(name)
    if owner is None:
        return True
    owner.close()
    return False


def _own(name: str) -> socket.socket | None:
    owner = socket.socket(socket.AF_UNIX)
    try:
        owner.bind("\0" + name)
    except OSError:
        owner.close()
        return None
    return owner


def _start_time() -> int:
    """Of this process, in clock ticks since the start of the system."""
    with open("/proc/self/stat", encoding="utf-8", errors="replace") as file:
        # The command name in parentheses may itself contain spaces and parentheses.
        return int(file.read().rpartition(")")[2].split()[19])
