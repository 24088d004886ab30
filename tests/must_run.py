"""Where everything is meant to run (NS_DEBUG_MUST_RUN=1), a skipped test has failed.

A conftest.py takes the hook in by importing it.
"""

import os

import pytest

MUST_RUN = os.environ.get("NS_DEBUG_MUST_RUN") == "1"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Turns a skip into a failure with the skip's reason."""
    outcome = yield
    report = outcome.get_result()
    if MUST_RUN and report.skipped:
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"NS_DEBUG_MUST_RUN=1, but this test cannot run here: {reason}"
