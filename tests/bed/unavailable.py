"""What a test needs and this machine cannot give."""


class Unavailable(Exception):
    """A program, suite or privilege is missing here; the message says which and what to do.

    Tests turn it into a skip, or into a failure when NS_DEBUG_MUST_RUN=1.
    """
