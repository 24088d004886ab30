"""What a kubelet is told, as far as it is the same on every node of the cluster."""

import pathlib

from .certificates import Certificate
from .control_plane import ControlPlane

# Where it tells whether it is healthy.
HEALTH = ("127.0.0.1", 10248)

_PORT = 10250
# In pods' resolv.conf, and never asked: the cluster has no DNS.
_DNS_SERVER = "10.96.0.10"
# The machine's disk may be as full as it likes.
_NO_EVICTION = {signal: "0%" for signal in (
    "memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available",
    "imagefs.inodesFree")}


def make(address: str, serving: Certificate, client_ca: pathlib.Path, runtime: str) -> dict:
    """A KubeletConfiguration; the paths and the endpoint `runtime` are those on its node."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": address,
        "port": _PORT,
        "healthzBindAddress": HEALTH[0],
        "healthzPort": HEALTH[1],
        "tlsCertFile": str(serving.certificate),
        "tlsPrivateKeyFile": str(serving.key),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(client_ca)},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": runtime,
        "clusterDomain": "cluster.local",
        "clusterDNS": [_DNS_SERVER],
        "resolvConf": "",
        "cgroupDriver": "cgroupfs",
        "makeIPTablesUtilChains": False,
        "evictionHard": _NO_EVICTION,
        # There is no registry to get an image from a second time.
        "imageGCHighThresholdPercent": 100,
    }


def write_kubeconfig(control_plane: ControlPlane, name: str) -> pathlib.Path:
    """That of the node `name`, whose user is called as the API server's node authorizer wants it."""
    return control_plane.kubeconfig(f"{name}-kubelet", f"system:node:{name}", ["system:nodes"])
