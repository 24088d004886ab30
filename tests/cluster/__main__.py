"""The cluster from a shell, with the folder `tests` as the working directory.

    /usr/bin/python3 -m cluster up [--node | --vm]
    /usr/bin/python3 -m cluster fetch kubernetes | kubectl | helm

`up` prints lines for a shell's `eval` when the API server is ready, with `--node` when pods can run
on this machine, with `--vm` when a virtual machine has become a second node as well. It stays until
its stdin closes or it gets SIGINT, SIGTERM or SIGHUP, and then removes everything. Meanwhile, in
another shell:

    nsenter --net=$CLUSTER_NETNS kubectl get namespaces

An agent on the node wants to look at process 1, which the init of a virtual machine or container
may not allow: put ../integration/in_pid_namespace before the command then.
"""

import argparse
import contextlib
import os
import shlex
import signal
import sys

from bed import Unavailable

from . import binary
from .cluster import Cluster
from .control_plane import ControlPlane
from .kubectl import fetch_helm, fetch_kubectl
from .node import Node
from .vm_node import VmNode

_ENDED_BY_SIGNAL = 128
_FETCHED = {"kubernetes": binary.kubernetes, "kubectl": fetch_kubectl, "helm": fetch_helm}


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cluster", description="A real Kubernetes.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start a control plane, stay, remove everything")
    up.add_argument("--node", action="store_true", help="and this machine as a node, for pods")
    up.add_argument("--vm", action="store_true", help="and a virtual machine as another")
    fetched = verbs.add_parser("fetch", help="print where a program is, building it when missing")
    fetched.add_argument("program", choices=list(_FETCHED))
    return parser.parse_args(arguments)


def _up(with_node: bool, with_vm: bool) -> None:
    # A shell starts its background jobs with SIGINT ignored, and Python then leaves it so.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(_ENDED_BY_SIGNAL + got))
    with contextlib.ExitStack() as stack:
        if with_node or with_vm:
            cluster = stack.enter_context(Cluster())
            if with_vm:
                stack.enter_context(VmNode(cluster.control_plane)).join()
            _print(_control_plane_variables(cluster.control_plane) | _node_variables(cluster.node))
        else:
            _print(_control_plane_variables(stack.enter_context(ControlPlane())))
        while os.read(sys.stdin.fileno(), 4096):
            pass


def _control_plane_variables(control_plane: ControlPlane) -> dict:
    return {
        "CLUSTER_NAME": control_plane.name,
        "CLUSTER_SERVER": control_plane.server,
        "CLUSTER_NETNS": control_plane.network_namespace,
        "CLUSTER_CA": control_plane.ca,
        "CLUSTER_CLIENT_CA": control_plane.client_ca,
        "KUBECONFIG": control_plane.admin,
    }


def _node_variables(node: Node) -> dict:
    return {"CLUSTER_NODE": node.name, "CLUSTER_RUNTIME": node.endpoint}


def _print(variables: dict) -> None:
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(str(value))}", flush=True)


def main(arguments: list[str]) -> int:
    """Runs one verb; 1 when this machine cannot, with one line that says why."""
    options = _parse(arguments)
    try:
        if options.verb == "up":
            _up(options.node, options.vm)
        else:
            print(_FETCHED[options.program]())
    except Unavailable as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
