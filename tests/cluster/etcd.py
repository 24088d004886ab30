"""etcd: where the API server keeps its objects."""

import contextlib
import http.client
import pathlib
import shutil

from bed import Unavailable

from .network import Network
from .server import Server

# The network namespace is the cluster's own, so the port is free and nobody else reaches it.
_ADDRESS = ("127.0.0.1", 2379)
ENDPOINT = f"http://{_ADDRESS[0]}:{_ADDRESS[1]}"
_PEER = "http://127.0.0.1:2380"
_START_SECONDS = 30
_ANSWER_SECONDS = 5


def require() -> None:
    """Raises Unavailable when etcd is not installed."""
    if shutil.which("etcd") is None:
        raise Unavailable("etcd is missing, run scripts/install-deps")


class Etcd:
    """One member, its data in a folder that goes away with the cluster."""

    def __init__(self, network: Network, folder: pathlib.Path):
        self._network = network
        self._data = folder / "etcd"
        self._server = Server(network, folder / "etcd.log")

    @property
    def pid(self) -> int:
        """etcd's own pid."""
        return self._server.pid

    def start(self) -> None:
        """Starts it and waits until it answers."""
        command = [
            "etcd", f"--data-dir={self._data}",
            f"--listen-client-urls={ENDPOINT}", f"--advertise-client-urls={ENDPOINT}",
            f"--listen-peer-urls={_PEER}", f"--initial-advertise-peer-urls={_PEER}",
            f"--initial-cluster=default={_PEER}",
        ]
        self._server.start(command, self._is_healthy, _START_SECONDS)

    def stop(self) -> None:
        """Kills it."""
        self._server.stop()

    def _is_healthy(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(*_ADDRESS)
            connection.sock = self._network.connect(*_ADDRESS, _ANSWER_SECONDS)
            with contextlib.closing(connection):
                connection.request("GET", "/health")
                return connection.getresponse().status == http.client.OK
        return False
