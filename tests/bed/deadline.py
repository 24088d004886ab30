"""Waiting for a condition, never for a time."""

import time

_POLL_SECONDS = 0.02


class DeadlineExceeded(Exception):
    """The condition did not become true in time; the message names it."""


def wait_until(condition, seconds: float, what: str):
    """Returns the first true value of `condition()`, or raises DeadlineExceeded."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise DeadlineExceeded(f"{what}: not within {seconds:g} s")
        time.sleep(_POLL_SECONDS)
