"""kube-apiserver: what all tests of a cluster talk to."""

import contextlib
import http.client
import pathlib

from . import certificates, etcd
from .certificates import Authority, Certificate
from .client import ApiError, Client
from .network import ADDRESS as HOST
from .network import SERVICE_ADDRESS, Network
from .server import Server

# The port of the service `kubernetes`, so that nothing has to lead from that to this one.
ADDRESS = (HOST, 443)

_SERVICES = "10.96.0.0/16"
_SERVICE_NAMES = ["kubernetes.default.svc", "kubernetes.default.svc.cluster.local"]
_ISSUER = "https://kubernetes.default.svc.cluster.local"
_FRONT_PROXY = "front-proxy-client"
_KUBELET_CLIENT = "kube-apiserver-kubelet-client"
_ADMIN = "kubernetes-admin"
_ADMIN_GROUP = "system:masters"
# A machine that is busy with other tests takes several times as long as the usual 8 s.
_START_SECONDS = 120


class ApiServer:
    """The API server with its certificates, which it keeps over restarts."""

    def __init__(self, network: Network, folder: pathlib.Path, program: pathlib.Path):
        self._network = network
        self._program = program
        self._server = Server(network, folder / "kube-apiserver.log")
        keys = folder / "pki"
        self.serving_authority = Authority(keys, "serving-ca")
        self.client_authority = Authority(keys, "client-ca")
        self._front_proxy_authority = Authority(keys, "front-proxy-ca")
        self.signing_key = certificates.signing_key(keys / "service-accounts.key")
        self._serving = self.serving_authority.server(
            "kube-apiserver", [HOST, "127.0.0.1", SERVICE_ADDRESS], _SERVICE_NAMES)
        self._front_proxy = self._front_proxy_authority.client(_FRONT_PROXY, [])
        self._kubelet_client = self.client_authority.client(_KUBELET_CLIENT, [_ADMIN_GROUP])
        self.admin = self.client_authority.client(_ADMIN, [_ADMIN_GROUP])

    @property
    def pid(self) -> int:
        """The API server's own pid."""
        return self._server.pid

    def client(self, certificate: Certificate | None = None, token: str = "") -> Client:
        """A client that speaks as the user of a certificate or token, or anonymously."""
        return Client(
            self._network, ADDRESS, self.serving_authority.certificate, certificate, token)

    def start(self) -> None:
        """Starts it and waits until it is ready, the built-in roles included."""
        self._server.start(
            [str(self._program), *self._options()], self._is_ready, _START_SECONDS)

    def stop(self) -> None:
        """Kills it: connections break, as on a crash."""
        self._server.stop()

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException, ApiError):
            self.client(self.admin).request("GET", "/readyz")
            return True
        return False

    def _options(self) -> list[str]:
        settings = {
            "etcd-servers": etcd.ENDPOINT,
            # On all addresses of the namespace: its loopback, and the one that pods can reach.
            "bind-address": "0.0.0.0",
            "secure-port": ADDRESS[1],
            "advertise-address": ADDRESS[0],
            "service-cluster-ip-range": _SERVICES,
            "tls-cert-file": self._serving.certificate,
            "tls-private-key-file": self._serving.key,
            "client-ca-file": self.client_authority.certificate,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "allow-privileged": "true",
            "kubelet-certificate-authority": self.serving_authority.certificate,
            "kubelet-client-certificate": self._kubelet_client.certificate,
            "kubelet-client-key": self._kubelet_client.key,
            "kubelet-preferred-address-types": "InternalIP",
            "service-account-issuer": _ISSUER,
            "service-account-key-file": self.signing_key,
            "service-account-signing-key-file": self.signing_key,
            "enable-aggregator-routing": "true",
            "proxy-client-cert-file": self._front_proxy.certificate,
            "proxy-client-key-file": self._front_proxy.key,
            "requestheader-client-ca-file": self._front_proxy_authority.certificate,
            "requestheader-allowed-names": _FRONT_PROXY,
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        }
        return [f"--{name}={value}" for name, value in settings.items()]
