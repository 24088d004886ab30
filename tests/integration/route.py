"""The whole way of the plugin without a cluster: a stand-in for the API server, whose port-forward
leads to a real agent over a bed's runtime."""

import contextlib
import json
import pathlib
from collections.abc import Iterator

from agent import TOKEN, Agent
from api_stand_in import POD, ApiStandIn, answer
from bed import Containerd


@contextlib.contextmanager
def way_to_an_agent(build_dir: pathlib.Path, folder: pathlib.Path) -> Iterator[ApiStandIn]:
    """The API server; pod web of namespace shop runs on node n1, with the container app."""
    with Containerd("2.1") as bed:
        pod = bed.run_pod("shop", "web")
        bed.run_container(pod, "app", image="busybox")
        config = {"nodeName": POD["spec"]["nodeName"]}
        with Agent(build_dir, bed.endpoint, config) as agent, ApiStandIn(folder) as api:
            web = {**POD, "metadata": {"namespace": "shop", "name": "web"}}
            api.answers["/api/v1/namespaces/shop/pods/web"] = lambda headers: answer(200, web)
            ca = {"kind": "ConfigMap", "data": {"ca.crt": agent.ca.read_text()}}
            api.answers["/api/v1/namespaces/ns-debug/configmaps/"] = (
                lambda headers: answer(200, ca))
            api.agent_port = agent.port
            yield api


def kubeconfig(api: ApiStandIn, folder: pathlib.Path, port: int | None = None) -> pathlib.Path:
    """A file that leads to it, or to another port in front of it."""
    path = folder / "kubeconfig"
    path.write_text(json.dumps({
        "clusters": [{"name": "c", "cluster": {
            "server": f"https://localhost:{port or api.port}",
            "certificate-authority": str(api.certificate)}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "x", "context": {
            "cluster": "c", "user": "u", "namespace": "shop"}}],
        "current-context": "x"}))
    return path
