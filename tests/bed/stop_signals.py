"""Signals that end a bed: they must reach its tear-down, and must not cut it short."""

import contextlib
import signal
import sys
import threading

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _on_main_thread() -> bool:
    # Python lets no other thread set a handler; a bed of another thread keeps what is there.
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def raised():
    """Makes SIGTERM and SIGHUP an exception, as SIGINT is, so that `with` blocks unwind."""
    if not _on_main_thread():
        yield
        return
    replaced = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            replaced[number] = signal.signal(number, lambda got, _: sys.exit(128 + got))
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def deferred():
    """Holds the signals back until the block ends: a second Ctrl-C must not leave mounts."""
    if not _on_main_thread():
        yield
        return
    held = []
    previous = {
        number: signal.signal(number, lambda got, _: held.append(got)) for number in _SIGNALS
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])
