"""`kubectl ns-debug` by way of a real kubectl, as one user of the cluster."""

import copy
import os
import pathlib
import pty
import select
import subprocess
import termios
import time

from cluster import Cluster, fetch_kubectl

# For everything that ends by itself; a machine that compiles meanwhile is slow.
SECONDS = 120


class Plugin:
    """The plugin of a build with somebody's kubeconfig."""

    def __init__(self, cluster: Cluster, folder: pathlib.Path, kubeconfig: pathlib.Path):
        self._cluster = cluster
        self._options: tuple[str, ...] = ()
        self._environment = {
            **os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(cluster.folder),
            "KUBECACHEDIR": str(cluster.folder / "kubectl-cache"),
            # Where kubectl looks for plugins.
            "PATH": f"{folder}:{os.environ['PATH']}",
        }

    def with_options(self, *options: str) -> "Plugin":
        """The same with options before its arguments."""
        other = copy.copy(self)
        other._options = (*self._options, *options)  # pylint: disable=protected-access
        return other

    def command(self, *arguments: str) -> list[str]:
        """What runs it, where the API server can be reached."""
        return self._cluster.control_plane.network.command(
            str(fetch_kubectl()), "ns-debug", *self._options, *arguments)

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
        """Its end, whatever that is; output in bytes."""
        return subprocess.run(self.command(*arguments), input=stdin, env=self._environment,
                              capture_output=True, timeout=SECONDS, check=False)

    def output(self, *arguments: str, stdin: bytes = b"") -> str:
        """Standard output of a command that must succeed."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done
        return done.stdout.decode()

    def start(self, *arguments: str) -> subprocess.Popen:
        """A run that goes on; use it in a `with`."""
        return subprocess.Popen(self.command(*arguments), env=self._environment,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def terminal(self, *arguments: str) -> "Terminal":
        """A run at a terminal of its own."""
        return Terminal(self.command(*arguments), self._environment)


class Terminal:
    """A program at a terminal of 33 lines and 77 columns; use it in a `with`."""

    def __init__(self, command: list[str], environment: dict[str, str]):
        self._pid, self.master = pty.fork()
        if self._pid == 0:
            termios.tcsetwinsize(0, (33, 77))
            os.execvpe(command[0], command, environment)
        self._output = b""
        self._has_ended = False

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, kind, value, trace) -> None:
        if not self._has_ended:
            os.kill(self._pid, 9)
            self.end()

    def write(self, keys: bytes) -> None:
        """Types."""
        os.write(self.master, keys)

    def resize(self, lines: int, columns: int) -> None:
        """As when its window is dragged."""
        termios.tcsetwinsize(self.master, (lines, columns))

    def read_until(self, text: bytes) -> bytes:
        """Everything that was shown so far, when `text` is in it."""
        end = time.monotonic() + SECONDS
        while text not in self._output:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} was not shown: {self._output!r}"
            self._output += os.read(self.master, 4096)
        return self._output

    def end(self) -> int:
        """Its exit code."""
        _, status = os.waitpid(self._pid, 0)
        self._has_ended = True
        os.close(self.master)
        return os.waitstatus_to_exitcode(status)
