"""A part of the control plane beside the API server, and a client of it."""

import contextlib
import http.client
import pathlib

from .client import ApiError, Client
from .control_plane import ControlPlane
from .server import Server

_ADDRESS = "127.0.0.1"
# On a machine that is busy with other tests; usually three seconds.
_START_SECONDS = 120


class Component:
    """The program `name`, which answers on `port` and acts as the user system:NAME."""

    def __init__(self, control_plane: ControlPlane, program: pathlib.Path, port: int):
        name = program.name
        self._program = program
        self._server = Server(control_plane.network, control_plane.folder / f"{name}.log")
        certificate = control_plane.serving_certificate(name, [_ADDRESS], [])
        kubeconfig = control_plane.kubeconfig(name, f"system:{name}")
        self._settings = {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": _ADDRESS,
            "secure-port": port,
            "tls-cert-file": certificate.certificate,
            "tls-private-key-file": certificate.key,
            # It is the only one, and an election would take its time.
            "leader-elect": "false",
        }
        self._client = Client(control_plane.network, (_ADDRESS, port), control_plane.ca)

    @property
    def pid(self) -> int:
        """Its own pid."""
        return self._server.pid

    def launch(self) -> None:
        """Starts it, for a wait() later on."""
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        self._server.launch([str(self._program), *options])

    def wait(self) -> None:
        """Waits until it is healthy."""
        self._server.wait(self._is_healthy, _START_SECONDS)

    def stop(self) -> None:
        """Kills it."""
        self._server.stop()

    def _is_healthy(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException, ApiError):
            self._client.request("GET", "/healthz")
            return True
        return False
