"""The whole product, once for all tests of a run: the images, a real cluster, the chart, pods and
users.

With NS_DEBUG_AGENT_IMAGE, a docker-archive with an image named as agent_image.reference("agent")
says, the images are not built: for working on the tests.
"""

import contextlib
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

# A hook of pytest, by its name.
from must_run import pytest_runtest_makereport  # noqa: E402, F401  pylint: disable=unused-import

# pylint: disable=wrong-import-position
from bed import Unavailable  # noqa: E402
from bed.deadline import wait_until  # noqa: E402
from cluster import Cluster, VmNode, fetch_helm, fetch_kubectl  # noqa: E402

import agent_image  # noqa: E402
import pods  # noqa: E402
from deployment import Deployment  # noqa: E402
from plugin import Plugin  # noqa: E402
from user import Users, person  # noqa: E402
# pylint: enable=wrong-import-position

BUILD_DIR = pathlib.Path(os.environ.get("NS_DEBUG_BUILD_DIR", ROOT / "build" / "dev")).resolve()
NOTICE_SECONDS = 30


@pytest.fixture(scope="session", name="archives")
def archives_fixture(tmp_path_factory) -> dict[str, pathlib.Path]:
    """Docker-archives of the images, by the stage of the Dockerfile."""
    given = os.environ.get("NS_DEBUG_AGENT_IMAGE")
    if given:
        return {"agent": pathlib.Path(given)}
    folder = tmp_path_factory.mktemp("images")
    try:
        for target in agent_image.TARGETS:
            agent_image.build(target)
            agent_image.export(target, folder / f"{target}.tar")
    except Unavailable as error:
        pytest.skip(str(error))
    return {target: folder / f"{target}.tar" for target in agent_image.TARGETS}


@pytest.fixture(scope="session", name="cluster")
def cluster_fixture(archives):
    """A cluster with the images and the pods; proven to be gone at the end."""
    with contextlib.ExitStack() as stack:
        try:
            fetch_helm()
            fetch_kubectl()
            # See as_node, under which this runs.
            assert not os.path.samefile("/proc/1/ns/net", "/proc/self/ns/net")
            running = stack.enter_context(Cluster(network_of=1))
        except Unavailable as error:
            pytest.skip(str(error))
        for target, archive in archives.items():
            running.import_image(archive, agent_image.reference(target))
        for namespace in (pods.SHOP, pods.BANK):
            running.namespace(namespace)
        everything = pods.ready()
        running.apply([*everything, pods.crashing(), pods.waiting()])
        for pod in everything:
            running.wait_for_pod(pod["metadata"]["namespace"], pod["metadata"]["name"])
        for pod, condition in ((pods.crashing(), pods.is_crashing),
                               (pods.waiting(), pods.is_waiting)):
            name = pod["metadata"]["name"]
            running.wait_for(f"/api/v1/namespaces/{pods.SHOP}/pods/{name}", condition, name)
        yield running
    assert running.check_clean() == []


@pytest.fixture(scope="session", name="machine")
def machine_fixture(request, cluster, archives):
    """What is to be the second node, when a test asks for it: a virtual machine that boots while
    the others run; or why there is none."""
    if not any("node" in item.fixturenames for item in request.session.items):
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(VmNode(
                cluster.control_plane, {agent_image.reference("agent"): archives["agent"]}))
        except Unavailable as error:
            found = error
        yield found


@pytest.fixture(scope="session", name="deployment")
def deployment_fixture(cluster, machine) -> Deployment:
    """The chart, installed and ready."""
    deployment = Deployment(cluster)
    deployment.install()
    return deployment


@pytest.fixture(scope="session", name="users")
def users_fixture(deployment) -> Users:
    return Users(deployment.cluster)


@pytest.fixture(scope="session", name="plugin_of")
def plugin_of_fixture(cluster):
    """The plugin with a kubeconfig."""
    program = BUILD_DIR / "bin" / "kubectl-ns_debug"
    assert program.exists(), f"{program} is not built"
    return lambda kubeconfig: Plugin(cluster, program.parent, kubeconfig)


@pytest.fixture(scope="session", name="alice")
def alice_fixture(users, plugin_of) -> Plugin:
    """May run commands in the pods of the shop."""
    subject = person("alice")
    users.bind("ns-debug-user", subject, pods.SHOP)
    users.let_reach_the_agents(subject)
    return _with_effect(plugin_of(users.by_certificate("alice")), "web", "--", "true")


@pytest.fixture(scope="session", name="sre")
def sre_fixture(users, plugin_of) -> Plugin:
    """May everything, everywhere."""
    subject = person("sre")
    users.bind("ns-debug-admin", subject)
    users.let_reach_the_agents(subject)
    return _with_effect(plugin_of(users.by_certificate("sre")), "node/node-1", "--", "true")


def _with_effect(plugin: Plugin, *arguments: str) -> Plugin:
    """The same, when the API server's authorizer has learned of its roles."""
    last = []

    def works() -> bool:
        last[:] = [plugin.run("-n", pods.SHOP, *arguments)]
        return last[0].returncode == 0

    try:
        wait_until(works, NOTICE_SECONDS, "the roles in effect")
    except Exception as error:
        raise AssertionError(f"{error}: {last[0]}") from None
    return plugin
