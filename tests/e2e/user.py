"""Users of the cluster, as who they are told to kubectl and the agents: a certificate or a token.
"""

import base64
import json
import pathlib

from cluster import Certificate, Cluster

PLUGIN_NAMESPACE = "ns-debug"
_RBAC = "rbac.authorization.k8s.io"


def _encoded(path: pathlib.Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


class Users:
    """Makes users' kubeconfigs, and gives them roles."""

    def __init__(self, cluster: Cluster):
        self._cluster = cluster
        self._bindings = 0

    def by_certificate(self, name: str, certificate: Certificate | None = None) -> pathlib.Path:
        """The kubeconfig of the user `name`; with `certificate` of whoever that is."""
        certificate = certificate or self._cluster.control_plane.user(name)
        return self._write(name, {"client-certificate-data": _encoded(certificate.certificate),
                                  "client-key-data": _encoded(certificate.key)})

    def by_token(self, name: str, token: str) -> pathlib.Path:
        """The kubeconfig of whoever has this token."""
        return self._write(name, {"token": token})

    def bind(self, role: str, subject: dict, namespace: str = "",
             kind: str = "ClusterRole") -> None:
        """Gives a role in a namespace, or without one everywhere."""
        self._bindings += 1
        self._cluster.apply({
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
            "metadata": {"name": f"e2e-{self._bindings}",
                         **({"namespace": namespace} if namespace else {})},
            "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role},
            "subjects": [subject],
        })

    def let_reach_the_agents(self, subject: dict) -> None:
        """What everybody who has the plugin needs, and what opens no pod."""
        self.bind("ns-debug-plugin", subject, PLUGIN_NAMESPACE, "Role")

    def _write(self, name: str, user: dict) -> pathlib.Path:
        plane = self._cluster.control_plane
        path = self._cluster.folder / f"{name}.e2e.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "e2e",
            "clusters": [{"name": "e2e", "cluster": {
                "server": plane.server, "certificate-authority-data": _encoded(plane.ca)}}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": name}}],
        }))
        return path


def person(name: str) -> dict:
    """A user, as the subject of a binding."""
    return {"apiGroup": _RBAC, "kind": "User", "name": name}


def service_account(namespace: str, name: str) -> dict:
    """The same of a service account."""
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}
