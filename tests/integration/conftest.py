"""What every integration test shares: the programs under test, and skips that are failures where
everything is meant to run."""

import contextlib
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

# A hook of pytest, by its name.
from must_run import pytest_runtest_makereport  # noqa: E402, F401  pylint: disable=unused-import

BUILD_DIR = pathlib.Path(os.environ.get("NS_DEBUG_BUILD_DIR", ROOT / "build" / "dev")).resolve()


@pytest.fixture(scope="session")
def ns_enter() -> str:
    """The path of the ns-enter under test."""
    program = BUILD_DIR / "bin" / "ns-enter"
    assert program.exists(), f"{program} is not built"
    return str(program)


@pytest.fixture(scope="module")
def bed():
    """A node's runtime with one pod, shop/web; a file that wants others has a bed of its own."""
    # Here, since the guest of tests/vm reads this file too and has no gRPC.
    from bed import Containerd, Unavailable  # pylint: disable=import-outside-toplevel
    with contextlib.ExitStack() as stack:
        try:
            one = stack.enter_context(Containerd("2.1"))
        except Unavailable as error:
            pytest.skip(str(error))
        one.run_container(one.run_pod("shop", "web"), "app", image="busybox")
        yield one


@pytest.fixture(scope="module")
def ann(cluster):
    """The plugin of who may run commands in the shop of agent_pods, with a client certificate."""
    return _plugin(cluster, cluster.control_plane.kubeconfig("ann", "ann"))


@pytest.fixture(scope="module")
def bob(cluster):
    """The plugin of who may only look there, with a client certificate."""
    return _plugin(cluster, cluster.control_plane.kubeconfig("bob", "bob"))


@pytest.fixture(scope="module")
def admin(cluster):
    """The plugin of the cluster's administrator."""
    return _plugin(cluster, cluster.admin)


def _plugin(cluster, kubeconfig: pathlib.Path):
    from agent_pods import Plugin  # pylint: disable=import-outside-toplevel  # As for the bed.
    return Plugin(cluster, BUILD_DIR, kubeconfig)
