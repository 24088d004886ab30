"""What every integration test shares: the programs under test, and skips that are failures where
everything is meant to run."""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

BUILD_DIR = pathlib.Path(os.environ.get("NS_DEBUG_BUILD_DIR", ROOT / "build" / "dev"))
MUST_RUN = os.environ.get("NS_DEBUG_MUST_RUN") == "1"


@pytest.fixture(scope="session")
def ns_enter() -> str:
    """The path of the ns-enter under test."""
    program = BUILD_DIR / "bin" / "ns-enter"
    assert program.exists(), f"{program} is not built"
    return str(program)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """NS_DEBUG_MUST_RUN=1 turns a skip into a failure."""
    outcome = yield
    report = outcome.get_result()
    if MUST_RUN and report.skipped:
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"NS_DEBUG_MUST_RUN=1, but this test cannot run here: {reason}"
