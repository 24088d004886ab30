"""kube-controller-manager: service accounts of namespaces, pods of Deployments, and all the rest
that happens by itself."""

import pathlib

from .component import Component
from .control_plane import ControlPlane

_PORT = 10257


class ControllerManager(Component):
    """All controllers, each with a service account of its own as its user."""

    def __init__(self, control_plane: ControlPlane, programs: pathlib.Path):
        super().__init__(control_plane, programs / "kube-controller-manager", _PORT)
        self._settings |= {
            "use-service-account-credentials": "true",
            "service-account-private-key-file": control_plane.signing_key,
            # For the ConfigMap kube-root-ca.crt of every namespace.
            "root-ca-file": control_plane.ca,
        }
