"""A real Kubernetes for tests, in a network namespace of its own: all of it, or without nodes, or
with a virtual machine as a second node.

With the folder `tests` on the module path:

    from cluster import Cluster, ControlPlane

etcd is Debian's, and so is containerd; Kubernetes' own servers are built once from their Go module,
which takes Go and some minutes, and kept in a cache.
"""

from .certificates import Authority, Certificate
from .client import ApiError, Client
from .cluster import Cluster
from .control_plane import ControlPlane
from .kubectl import fetch_helm, fetch_kubectl, kubectl, kubectl_command
from .network import Network
from .node import Node
from .vm_node import VmNode

__all__ = [
    "ApiError",
    "Authority",
    "Client",
    "Certificate",
    "Cluster",
    "ControlPlane",
    "Network",
    "Node",
    "VmNode",
    "fetch_helm",
    "fetch_kubectl",
    "kubectl",
    "kubectl_command",
]
