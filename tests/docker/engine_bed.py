"""A private Docker Engine or Podman service on a Unix socket of its own, and its clean-up.

The engine runs in a mount and a network namespace of its own, with its own /run: whatever it
mounts, binds or notes there goes away with its last process and is never seen by an engine of the
machine. Its PID namespace is the machine's, because the pids that it tells must mean something
here.
"""

import contextlib
import http.client
import io
import json
import os
import pathlib
import resource
import select
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile

from bed import bed_name, leftovers, stop_signals
from bed.deadline import DeadlineExceeded, wait_until

_START_SECONDS = 60
_STOP_SECONDS = 30
_API_SECONDS = 60
_RUNC = "/usr/sbin/runc"
_ULIMIT = 1024
_BUSYBOX = "/bin/busybox"
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Folders in which the engines keep state at fixed places; each becomes a memory file system.
_ENTER_PRIVATE = """
set -e
for folder in /run /dev/shm /var/lib/containers; do
  if [ -d "$folder" ]; then mount -t tmpfs -o mode=0755 tmpfs "$folder"; fi
done
exec "$@"
"""


def missing(kind: str) -> str:
    """Why an engine of this kind cannot run here; empty when it can."""
    if os.geteuid() != 0:
        return "needs root"
    program, package = {"docker": ("dockerd", "docker.io"), "podman": ("podman", "podman")}[kind]
    if shutil.which(program, path=_PATH) is None:
        return f"{program} is not installed: apt-get install {package}"
    for file, package in ((_BUSYBOX, "busybox-static"), (_RUNC, "runc")):
        if not os.path.exists(file):
            return f"{file} is not installed: apt-get install {package}"
    return ""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str):
        super().__init__("localhost", timeout=_API_SECONDS)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class EngineBed:
    """One running engine: `with EngineBed("docker") as bed:` removes it whatever happens."""

    def __init__(self, kind: str):
        self.kind = kind
        self.name = bed_name.new_name()
        self.folder = pathlib.Path(tempfile.gettempdir(), self.name)
        self.socket = str(self.folder / "engine.sock")
        self.daemon = None
        self._image = ""
        self._mount_namespace = ""
        self._held = contextlib.ExitStack()
        self._signals = contextlib.ExitStack()

    def __enter__(self):
        self._signals.enter_context(stop_signals.raised())
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exception):
        self.stop()

    def request(self, method: str, path: str, body=None, content_type="application/json"):
        """Asks the engine; returns its decoded answer, and raises for a status from 400 on."""
        connection = _UnixConnection(self.socket)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"Content-Type": content_type})
            answer = connection.getresponse()
            text = answer.read().decode()
        if answer.status >= 400:
            raise RuntimeError(f"{self.kind}: {method} {path}: status {answer.status}: {text}")
        return json.loads(text) if text.startswith(("{", "[")) else text

    def create(self, name: str, command: list[str], **host_config) -> str:
        """Creates a container without a network; returns its id."""
        settings = {"NetworkMode": "none", "CgroupParent": f"/{self.name}", **host_config}
        body = json.dumps({"Image": self._image, "Cmd": command, "HostConfig": settings})
        return self.request("POST", f"/containers/create?name={name}", body)["Id"]

    def create_sandboxed(self, name: str, command: list[str]) -> None:
        """Creates a container whose runtime is called runsc, but is runc in truth: what an engine
        tells of a sandboxed container needs no sandbox."""
        if self.kind == "docker":
            self.create(name, command, Runtime="runsc")
            return
        # Podman's service gives every container its own runtime; only its command line chooses.
        # It must see the service's mounts, or it would take its containers for stopped ones.
        subprocess.run(
            ["nsenter", f"--target={self.daemon.pid}", "--mount", "--net",
             *self._podman("runsc"), "create", "--network=none", f"--cgroup-parent=/{self.name}",
             f"--name={name}", self._image, *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=self._environment(),
            timeout=_START_SECONDS, check=True)

    def start(self, container: str) -> int:
        """Starts the container; returns its pid, 0 when it has ended already."""
        self.request("POST", f"/containers/{container}/start")
        return self.inspect(container)["State"]["Pid"]

    def inspect(self, container: str) -> dict:
        return self.request("GET", f"/containers/{container}/json")

    def wait_for_state(self, container: str, state: str) -> None:
        wait_until(lambda: self.inspect(container)["State"]["Status"] == state, _API_SECONDS,
                   f"container {container} is {state}")

    def stop(self) -> None:
        """Ends the engine, its containers and their monitors, and removes what they left."""
        with stop_signals.deferred():
            if self.daemon is not None:
                with contextlib.suppress(Exception):
                    self._remove_containers()
                self._end_daemon()
            with contextlib.suppress(DeadlineExceeded):
                wait_until(lambda: not self._kill_processes(), _STOP_SECONDS,
                           f"processes of {self.name} gone")
            for top in self._cgroups():
                with contextlib.suppress(DeadlineExceeded):
                    _remove_cgroup(top)
            shutil.rmtree(self.folder, ignore_errors=True)
            self._mount_namespace = ""
            self._held.close()
        self._signals.close()

    def left(self) -> list[str]:
        """What is left of the engine on the machine, one line each."""
        left = [f"process {pid}" for pid in _pids() if self._is_ours(pid) or self._is_named(pid)]
        left += [f"cgroup {path}" for path in self._cgroups()]
        mounts = pathlib.Path("/proc/self/mountinfo").read_text(errors="replace")
        left += [f"mount {line}" for line in mounts.splitlines() if self.name in line]
        if self.folder.exists():
            left.append(f"folder {self.folder}")
        return left

    def _start(self) -> None:
        # Containers and their monitors of a test that was killed: nobody else removes them.
        leftovers.sweep()
        self.folder.mkdir(mode=0o700)
        arguments = self._docker() if self.kind == "docker" else self._podman_service()
        with open(self.folder / "log", "wb") as log:
            self.daemon = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--net", "--propagation",
                 "private", "sh", "-c", _ENTER_PRIVATE, "sh", *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(),
                start_new_session=True)
        wait_until(self._answers, _START_SECONDS, f"{self.kind} answers")
        answer = self.request("POST", "/images/create?fromSrc=-&repo=nsdebug-test&tag=1",
                              _image_tar(), "application/x-tar")
        self._image = answer["status"]

    def _environment(self) -> dict:
        return {"PATH": _PATH, "HOME": str(self.folder), "TMPDIR": str(self.folder),
                "CONTAINERS_CONF": str(self.folder / "containers.conf")}

    def _docker(self) -> list[str]:
        config = self.folder / "daemon.json"
        config.write_text(json.dumps({"runtimes": {"runsc": {"path": _RUNC}}}))
        return ["dockerd", f"--config-file={config}", f"--host=unix://{self.socket}",
                f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec",
                f"--pidfile={self.folder}/pid", "--storage-driver=vfs", "--bridge=none",
                "--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false",
                "--exec-opt=native.cgroupdriver=cgroupfs", f"--cgroup-parent=/{self.name}"]

    def _podman_service(self) -> list[str]:
        # Left alone, Podman raises its containers' limits to its own defaults, and to raise one
        # needs CAP_SYS_RESOURCE.
        limits = [f'"{name}={limit}:{limit}"' for name, kind in
                  (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC))
                  for limit in [_lower_limit(kind)]]
        (self.folder / "containers.conf").write_text(
            f"[containers]\ndefault_ulimits = [{', '.join(limits)}]\n"
            f'[engine.runtimes]\nrunsc = ["{_RUNC}"]\n')
        # runc, because crun refuses a hybrid cgroup host.
        return [*self._podman("runc"), "system", "service", "--time=0", f"unix://{self.socket}"]

    def _podman(self, oci_runtime: str) -> list[str]:
        return ["podman", f"--root={self.folder}/data", f"--runroot={self.folder}/run",
                f"--tmpdir={self.folder}/tmp", "--cgroup-manager=cgroupfs", "--storage-driver=vfs",
                "--events-backend=file", f"--runtime={oci_runtime}"]

    def _answers(self) -> bool:
        if self.daemon.poll() is not None:
            log = (self.folder / "log").read_text(errors="replace")
            raise RuntimeError(f"{self.kind} ended with {self.daemon.returncode}:\n{log[-2000:]}")
        # Noted early, for a clean-up after a start that fails. unshare(1) may not have left ours
        # yet, and ours must never count as the engine's.
        current = os.readlink(f"/proc/{self.daemon.pid}/ns/mnt")
        if current != os.readlink("/proc/self/ns/mnt") and not self._mount_namespace:
            # Held, because the kernel gives the number of a namespace that is gone to the next one.
            held = os.open(f"/proc/{self.daemon.pid}/ns/mnt", os.O_RDONLY)
            self._held.callback(os.close, held)
            self._mount_namespace = current
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.request("GET", "/_ping").startswith("OK")
        return False

    def _remove_containers(self) -> None:
        for container in self.request("GET", "/containers/json?all=1"):
            path = f"/containers/{container['Id']}"
            # A paused one cannot be killed, and Podman waits 10 s for a process 1 that ignores
            # SIGTERM.
            for method, action in (("POST", "/unpause"), ("POST", "/kill"),
                                   ("DELETE", "?force=1&v=1")):
                with contextlib.suppress(RuntimeError):
                    self.request(method, path + action)

    def _end_daemon(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.daemon.poll() is None:
                self.daemon.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.daemon.wait(_STOP_SECONDS)

    def _is_ours(self, pid: int) -> bool:
        """The engine's helpers share its mount namespace, the containers are in its cgroup."""
        try:
            if _arguments(pid) == [""]:
                return False  # a kernel thread or a zombie
            if self.name in pathlib.Path(f"/proc/{pid}/cgroup").read_text():
                return True
            return os.readlink(f"/proc/{pid}/ns/mnt") == self._mount_namespace
        except (FileNotFoundError, ProcessLookupError):
            return False
        except PermissionError:
            return False  # it has capabilities that we lack, so we did not start it

    def _is_named(self, pid: int) -> bool:
        """Whether an argument names a file of the engine. Enough to report, not to kill."""
        with contextlib.suppress(OSError):
            return any(f"{self.folder}/" in argument for argument in _arguments(pid))
        return False

    def _kill_processes(self) -> list[int]:
        """Kills the processes that are left and waits for them; returns those it found."""
        found = [pid for pid in _pids() if self._is_ours(pid)]
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                try:
                    # Looked at again now that the pidfd holds it: the pid may be another's since.
                    if self._is_ours(pid):
                        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                        select.select([descriptor], [], [], _STOP_SECONDS)
                finally:
                    os.close(descriptor)
        return found

    def _cgroups(self) -> list[pathlib.Path]:
        roots = [pathlib.Path("/sys/fs/cgroup"), *pathlib.Path("/sys/fs/cgroup").iterdir()]
        return [root / self.name for root in roots if (root / self.name).is_dir()]


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _arguments(pid: int) -> list[str]:
    return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")


def _remove_cgroup(top: pathlib.Path) -> None:
    def is_gone() -> bool:
        for path, _folders, _files in os.walk(top, topdown=False):
            # Busy for a moment after its last process ended.
            with contextlib.suppress(OSError):
                os.rmdir(path)
        return not top.exists()

    wait_until(is_gone, _STOP_SECONDS, f"cgroup {top} removed")


def _lower_limit(kind: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return _ULIMIT if hard == resource.RLIM_INFINITY else min(_ULIMIT, hard)


def _image_tar() -> bytes:
    """A root file system of one static program."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for folder in ("bin", "dev", "etc", "proc", "sys", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        archive.add(os.path.realpath(_BUSYBOX), "bin/busybox")
        for applet in ("sh", "sleep", "readlink", "true"):
            entry = tarfile.TarInfo(f"bin/{applet}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
    return data.getvalue()
