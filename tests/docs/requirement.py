"""What a test of the documents needs of this machine, and where the project's files are."""

import os
import pathlib
import shutil
import sys
from typing import NoReturn

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAN_PAGE = ROOT / "man" / "ns-enter.8"
AGENT_MAN_PAGE = ROOT / "man" / "ns-debug-agent.8"
PLUGIN_MAN_PAGE = ROOT / "man" / "kubectl-ns_debug.1"
COMPLETION = ROOT / "completions" / "ns-enter.bash"

# What ctest is told to take for a skipped test.
_SKIPPED = 77


def skip(reason: str) -> NoReturn:
    """Ends the test: skipped, or failed where NS_DEBUG_MUST_RUN=1 says that everything runs."""
    if os.environ.get("NS_DEBUG_MUST_RUN") == "1":
        print(f"NS_DEBUG_MUST_RUN=1, but this test cannot run here: {reason}", file=sys.stderr)
        sys.exit(1)
    print(f"skipped: {reason}")
    sys.exit(_SKIPPED)


def require_tool(name: str) -> str:
    """The path of a program of the system."""
    path = shutil.which(name)
    if path is None:
        skip(f"{name} is not installed")
    return path


def ns_enter() -> str:
    """The path of the ns-enter under test."""
    return _built("ns-enter")


def ns_debug_agent() -> str:
    """The path of the agent under test."""
    return _built("ns-debug-agent")


def plugin() -> str:
    """The path of the kubectl plugin under test."""
    return _built("kubectl-ns_debug")


def _built(name: str) -> str:
    build = pathlib.Path(os.environ.get("NS_DEBUG_BUILD_DIR", ROOT / "build" / "dev"))
    program = build / "bin" / name
    if not program.exists():
        sys.exit(f"{program} is not built")
    return str(program)
