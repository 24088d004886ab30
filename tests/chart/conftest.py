"""What the tests of the chart share: where things are, and skips that are failures where everything
is meant to run."""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

# A hook of pytest, by its name.
from must_run import pytest_runtest_makereport  # noqa: E402, F401  pylint: disable=unused-import

BUILD_DIR = pathlib.Path(os.environ.get("NS_DEBUG_BUILD_DIR", ROOT / "build" / "dev"))


def built(name: str) -> str:
    """The path of a program under test."""
    program = BUILD_DIR / "bin" / name
    assert program.exists(), f"{program} is not built"
    return str(program)


@pytest.fixture(scope="session", name="agent_program")
def agent_program_fixture() -> str:
    return built("ns-debug-agent")


@pytest.fixture(scope="session", name="ns_enter")
def ns_enter_fixture() -> str:
    return built("ns-enter")
