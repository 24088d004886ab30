"""A mount namespace in which a bed looks like a node: its files where a node has them.

A kubelet and its runtime have paths that no option changes (the sockets of device plugins, the
links to the logs of containers), and a real one on this machine has them too. In here they are the
bed's; and what is mounted in here is seen nowhere else and goes with the last process in it.
"""

import os
import pathlib
import subprocess

# Where it is on a node, and the bed's folder that is there instead.
_COVERED = {"/var/lib": "lib", "/var/log": "log", "/run/containerd": "."}


class NodeFiles:
    """The namespace of one bed; `folder` is the bed's and holds everything that is written."""

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self._descriptor: int | None = None

    def create(self) -> None:
        """Makes the namespace; it stays until close(), and as long as processes are in it."""
        # A descriptor and no file of its own: the kernel mounts a mount namespace on a file only in
        # an older one, and Linux 6.18 does not always see which of two is the older.
        self._descriptor = _new_mount_namespace()
        # Shared among those in here: a pod may ask for mounts that are made later.
        _run(*self.command("mount", "--make-rshared", "/"))
        for covered, name in _COVERED.items():
            # They exist wherever a bed has run once.
            pathlib.Path(covered).mkdir(mode=0o711, parents=True, exist_ok=True)
            (self._folder / name).mkdir(mode=0o755, exist_ok=True)
            _run(*self.command("mount", "--bind", str(self._folder / name), covered))

    def command(self, *command: str) -> list[str]:
        """`command` run inside of the namespace, from this process or another one."""
        return ["nsenter", f"--mount=/proc/{os.getpid()}/fd/{self._descriptor}", *command]

    def close(self) -> None:
        """Lets go of the namespace."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _new_mount_namespace() -> int:
    # Slave: what others unmount must not be kept mounted in there.
    with subprocess.Popen(["unshare", "--mount", "--propagation", "slave", "cat"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          start_new_session=True) as first:
        first.stdin.write(b"\n")
        first.stdin.flush()
        if not first.stdout.readline():  # Its answer comes from inside.
            raise RuntimeError("unshare --mount failed")
        return os.open(f"/proc/{first.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


def _run(*command: str) -> None:
    result = subprocess.run(
        command, capture_output=True, text=True, start_new_session=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
