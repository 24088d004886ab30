"""One server of the cluster: its process, its log, and whether it is ready."""

import pathlib
import subprocess

from bed.deadline import DeadlineExceeded, wait_until

from .network import Network

_TAIL_LINES = 15


class Server:
    """A process in the cluster's network. It ends with the thread that started it."""

    def __init__(self, network: Network, log: pathlib.Path):
        self.name = log.stem
        self._network = network
        self._log = log
        self._process: subprocess.Popen | None = None

    @property
    def pid(self) -> int:
        """The server's own pid: nsenter and setpriv execute it in their place."""
        return self._process.pid

    def start(self, command: list[str], is_ready, seconds: float) -> None:
        """Starts the process and waits until `is_ready()`; the error has the end of the log."""
        self.launch(command)
        self.wait(is_ready, seconds)

    def launch(self, command: list[str]) -> None:
        """Starts the process, for a wait() later on."""
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                # The kernel kills it when we die, however that happens.
                self._network.command("setpriv", "--pdeathsig", "KILL", "--", *command),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                # A Ctrl-C is for us: the tests' own clean-up still uses the server.
                start_new_session=True,
            )

    def wait(self, is_ready, seconds: float) -> None:
        """Waits until `is_ready()`; the error has the end of the log."""
        try:
            wait_until(lambda: self._has_started(is_ready), seconds, f"{self.name} ready")
        except DeadlineExceeded as error:
            raise RuntimeError(f"{error}\n{self.log_tail()}") from None

    def stop(self) -> None:
        """Kills the process; nothing when it does not run."""
        if self._process is None:
            return
        # Not SIGTERM: the API server would first wait for its watches to end.
        self._process.kill()
        self._process.wait()
        self._process = None

    def log_tail(self) -> str:
        """The last lines of its log."""
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def _has_started(self, is_ready) -> bool:
        if self._process.poll() is not None:
            told = f"{self.name} ended with {self._process.returncode}"
            raise RuntimeError(f"{told}\n{self.log_tail()}")
        return is_ready()
