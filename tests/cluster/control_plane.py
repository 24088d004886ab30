"""A control plane of its own: etcd and the API server, in a network namespace and a folder.

    with ControlPlane() as cluster:
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})

Needs root. Nothing on the machine is shared with it; when the block ends, however it ends, nothing
of it is left, or the next bed or cluster sweeps it. It has the same kind of name as a bed, and so
everything of it is found by bed.leftovers.

There is no controller manager, so nothing happens that the API server does not do itself: a new
namespace has no service account `default` and no ConfigMap with the CA, objects of a deleted owner
stay, and a deleted namespace stays in the phase Terminating. Create what a test needs.
"""

import contextlib
import os
import pathlib
import shutil

import jwt

from bed import LeftoverError, Unavailable, bed_name, leftovers, stop_signals

from . import apiserver, binary, etcd, kept_logs, kubeconfig
from .apiserver import ApiServer
from .certificates import Authority, Certificate
from .client import Client
from .etcd import Etcd
from .network import Network

_NEEDED_PROGRAMS = ("ip", "nsenter", "setpriv", "openssl")


class ControlPlane:
    """Use it in a `with`; entering raises Unavailable when this machine cannot run it.

    The servers end with the thread that entered the block, even when it is killed. With
    `network_of`, a pid, they are in the network namespace of that process.
    """

    def __init__(self, network_of: int | None = None):
        self.name = bed_name.new_name()
        self.folder = leftovers.folder(self.name)
        host, port = apiserver.ADDRESS
        # Reachable inside of the network namespace only.
        self.server = f"https://{host}:{port}"
        self.admin = self.folder / "admin.kubeconfig"
        # Where `server` is: for processes and connections of a test that are to reach it.
        self.network = Network(self.name, network_of)
        self._etcd: Etcd | None = None
        self._apiserver: ApiServer | None = None
        self._foreign: Authority | None = None
        self._admin_client: Client | None = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> "ControlPlane":
        program = self._require()
        self._cleanup.enter_context(stop_signals.raised())
        try:
            leftovers.sweep()
            self.folder.mkdir(mode=0o700)
            self.network.create()
            self._start(program)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(self, kind, value, trace) -> None:
        with self._cleanup, stop_signals.deferred():
            for server in (self._apiserver, self._etcd):
                if server is not None:
                    server.stop()
            kept_logs.keep(self.folder)
            leftovers.remove(self.name)
            left = self.check_clean()
        if left:
            told = f"control plane {self.name} left: " + "; ".join(left)
            if value is None:
                raise LeftoverError(told)
            value.add_note(told)  # The first error is the one to look at.

    @property
    def network_namespace(self) -> pathlib.Path:
        """For `nsenter --net=`: where `server` is reachable."""
        return self.network.path

    @property
    def ca(self) -> pathlib.Path:
        """The authority of the API server's own certificate."""
        return self._apiserver.serving_authority.certificate

    @property
    def client_ca(self) -> pathlib.Path:
        """The authority of its users' certificates; another one than `ca`."""
        return self._apiserver.client_authority.certificate

    @property
    def signing_key(self) -> pathlib.Path:
        """The private key that tokens of service accounts are signed with."""
        return self._apiserver.signing_key

    @property
    def pids(self) -> list[int]:
        """The servers' pids: etcd's, the API server's."""
        return [self._etcd.pid, self._apiserver.pid]

    def user(self, name: str, groups: list[str] | None = None) -> Certificate:
        """A client certificate that the API server takes for this user."""
        return self._apiserver.client_authority.client(name, groups or [])

    def expired_user(self, name: str, groups: list[str] | None = None) -> Certificate:
        """The same, but it was valid until yesterday."""
        return self._apiserver.client_authority.expired_client(name, groups or [])

    def foreign_user(self, name: str, groups: list[str] | None = None) -> Certificate:
        """The same, but signed by an authority that the cluster does not know."""
        if self._foreign is None:
            self._foreign = Authority(self.folder / "pki", "foreign-ca")
        return self._foreign.client(name, groups or [])

    def serving_certificate(self, name: str, addresses: list[str], names: list[str]) -> Certificate:
        """A certificate for another server of the cluster; `ca` is the authority of these too."""
        return self._apiserver.serving_authority.server(name, addresses, names)

    def kubeconfig(self, name: str, user: str, groups: list[str] | None = None) -> pathlib.Path:
        """A kubeconfig for a user, written to a file with this name."""
        path = self.folder / f"{name}.kubeconfig"
        kubeconfig.write(path, self.server, self.ca, self.user(user, groups))
        return path

    def client(self, certificate: Certificate | None = None, token: str = "") -> Client:
        """A client that speaks as somebody else than the administrator; as nobody by default."""
        return self._apiserver.client(certificate, token)

    def namespace(self, name: str) -> None:
        """Makes a namespace; nothing when it is there."""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def service_account(self, namespace: str, name: str, audiences: list[str] | None = None,
                        seconds: int = 3600) -> str:
        """A token of a service account, which it makes in an existing namespace when missing.

        Without `audiences` the token is for the API server itself; `seconds` are at least 600.
        """
        account = {"apiVersion": "v1", "kind": "ServiceAccount",
                   "metadata": {"namespace": namespace, "name": name}}
        self.apply(account)
        answer = self.create(f"{self._admin_client.path(account)}/token", {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": audiences or [], "expirationSeconds": seconds},
        })
        return answer["status"]["token"]

    def issued_earlier(self, token: str, seconds: int) -> str:
        """A service account's token as it had been issued so much earlier: nobody need wait until
        it has expired, which takes ten minutes at least."""
        claims = jwt.decode(token, options={"verify_signature": False})
        for name in ("exp", "iat", "nbf"):
            claims[name] -= seconds
        return jwt.encode(claims, self.signing_key.read_text(), algorithm="ES256",
                          headers={"kid": jwt.get_unverified_header(token)["kid"]})

    def get(self, path: str) -> dict:
        """Client.get() as the administrator."""
        return self._admin_client.get(path)

    def create(self, path: str, body: dict) -> dict:
        """Client.create() as the administrator."""
        return self._admin_client.create(path, body)

    def apply(self, manifest: dict | list[dict]) -> None:
        """Client.apply() as the administrator."""
        self._admin_client.apply(manifest)

    def delete(self, manifest: dict | list[dict], at_once: bool = False) -> None:
        """Client.delete() as the administrator."""
        self._admin_client.delete(manifest, at_once)

    def wait_for(self, path: str, condition, seconds: float, what: str) -> dict:
        """Client.wait_for() as the administrator."""
        return self._admin_client.wait_for(path, condition, seconds, what)

    def stop_apiserver(self) -> None:
        """Kills the API server alone: connections break, new ones are refused."""
        self._apiserver.stop()

    def start_apiserver(self) -> None:
        """Starts it again, with the same address, certificates and objects."""
        self._apiserver.start()

    def check_clean(self) -> list[str]:
        """What it has on the machine, one line each; empty after its end."""
        return leftovers.check_clean(self.name)

    def _require(self) -> pathlib.Path:
        if os.geteuid() != 0:
            raise Unavailable("running a control plane needs root")
        for program in _NEEDED_PROGRAMS:
            if shutil.which(program) is None:
                raise Unavailable(f"{program} is missing, run scripts/install-deps")
        etcd.require()
        return binary.kubernetes() / "kube-apiserver"

    def _start(self, program: pathlib.Path) -> None:
        self._etcd = Etcd(self.network, self.folder)
        self._etcd.start()
        self._apiserver = ApiServer(self.network, self.folder, program)
        self._apiserver.start()
        self._admin_client = self._apiserver.client(self._apiserver.admin)
        kubeconfig.write(self.admin, self.server, self.ca, self._apiserver.admin)
