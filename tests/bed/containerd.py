"""A real containerd of its own: folder, socket, network namespace and cgroup are the bed's.

    with Containerd(version="1.6") as bed:
        pod = bed.run_pod("shop", "web")
        container = bed.run_container(pod, "app", image="distroless")

Needs root. Nothing on the machine is shared with it, so beds run side by side and beside a
system containerd; when the block ends, however it ends, nothing of the bed is left.
"""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import socket
import subprocess

import grpc

from . import bed_name, containerd_config, fetch, image, leftovers, stop_signals
from .cri_client import CriClient
from .deadline import DeadlineExceeded, wait_until
from .node_files import NodeFiles
from .pod import Container, ContainerSpec, Pod, PodSpec, container_config, sandbox_config
from .unavailable import Unavailable

_START_SECONDS = 30
# Then the bed goes on without containerd's help.
_STOP_SECONDS = 10
_NEEDED_PROGRAMS = ("runc", "ip", "nsenter", "gcc", "protoc", "busybox")
# Debian keeps runc and ip where an ordinary user's PATH does not look.
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LeftoverError(Exception):
    """The bed could not remove everything it made; the message lists the rest."""


@dataclasses.dataclass
class ExecResult:
    """What a command inside of a container gave."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class Containerd:
    """A bed. Use it in a `with`; entering raises Unavailable when this machine cannot run it.

    Runtime errors of the methods are grpc.RpcError, as containerd gave them. For a node of a
    cluster, `netns` is the name of the cluster's network namespace, and with `node_files` the bed
    has its files where a node has them; see node_files.py.
    """

    def __init__(self, version: str = "1.6", gvisor: bool = False, netns: str = "",
                 node_files: bool = False):
        self.version = version
        self.name = bed_name.new_name()
        self.folder = leftovers.folder(self.name)
        self.endpoint = f"unix://{self.folder}/containerd.sock"
        # The network namespace's name, for `nsenter --net=/run/netns/NAME`.
        self.netns = netns or self.name
        self._gvisor = gvisor
        self._node_files = NodeFiles(self.folder) if node_files else None
        self._bin: pathlib.Path | None = None
        self._runsc: pathlib.Path | None = None
        self._process: subprocess.Popen | None = None
        self._client: CriClient | None = None
        self._cleanup = contextlib.ExitStack()

    @property
    def pid(self) -> int:
        """containerd's own pid."""
        return self._process.pid

    def __enter__(self) -> "Containerd":
        self._require()
        self._cleanup.enter_context(stop_signals.raised())
        try:
            leftovers.sweep()
            self._prepare()
            self._start()
            self._import_images()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(self, kind, value, trace) -> None:
        with self._cleanup, stop_signals.deferred():
            try:
                self._remove_pods()
            finally:
                self._stop()
                if self._node_files is not None:
                    self._node_files.close()
                leftovers.remove(self.name)
                left = leftovers.check_clean(self.name)
        if left:
            told = f"bed {self.name} left: " + "; ".join(left)
            if value is None:
                raise LeftoverError(told)
            value.add_note(told)  # The first error is the one to look at.

    def run_pod(self, namespace: str, name: str, **options) -> Pod:
        """Runs the sandbox of a pod; `options` are the further fields of PodSpec."""
        spec = PodSpec(namespace, name, **options)
        config = sandbox_config(spec, f"/{self.name}", f"{self.folder}/pods")
        os.makedirs(config.log_directory)
        answer = self._client.call(
            "RunPodSandbox", config=config, runtime_handler=spec.runtime_handler
        )
        info = self.pod_info(answer.pod_sandbox_id)
        addresses = (info.get("cniResult") or {}).get("Interfaces", {}).get("eth0", {})
        ip = (addresses.get("IPConfigs") or [{}])[0].get("IP", "")
        return Pod(answer.pod_sandbox_id, info.get("pid", 0), ip, spec, config)

    def create_container(self, pod: Pod, name: str, **options) -> Container:
        """Creates a container without starting it; `options` are the fields of ContainerSpec."""
        spec = ContainerSpec(name, **options)
        os.makedirs(os.path.join(pod.config.log_directory, name), exist_ok=True)
        answer = self._client.call(
            "CreateContainer",
            pod_sandbox_id=pod.id,
            config=container_config(spec, pod.spec),
            sandbox_config=pod.config,
        )
        return Container(answer.container_id, 0, pod, spec)

    def start_container(self, container: Container) -> None:
        """Starts a created container and fills in its pid."""
        self._client.call("StartContainer", container_id=container.id)
        container.pid = self.container_info(container.id).get("pid", 0)

    def run_container(self, pod: Pod, name: str, **options) -> Container:
        """Creates and starts a container; `options` are the fields of ContainerSpec."""
        container = self.create_container(pod, name, **options)
        self.start_container(container)
        return container

    def exec_sync(self, container: Container, command: list[str], timeout: int = 20) -> ExecResult:
        """Runs a command in a container and waits for its end."""
        answer = self._client.call(
            "ExecSync", container_id=container.id, cmd=command, timeout=timeout
        )
        return ExecResult(answer.exit_code, answer.stdout, answer.stderr)

    def container_status(self, container_id: str):
        """The runtime's ContainerStatus message: state, exit code, reason."""
        return self._client.call("ContainerStatus", container_id=container_id).status

    def container_info(self, container_id: str) -> dict:
        """The runtime's verbose information: pid, runtimeSpec, runtimeType and more."""
        answer = self._client.call("ContainerStatus", container_id=container_id, verbose=True)
        return json.loads(answer.info["info"])

    def pod_info(self, pod_id: str) -> dict:
        """The same for a sandbox."""
        answer = self._client.call("PodSandboxStatus", pod_sandbox_id=pod_id, verbose=True)
        return json.loads(answer.info["info"])

    def stop_container(self, container: Container, timeout: int = 2) -> None:
        """Sends SIGTERM, and SIGKILL after `timeout` seconds; returns when it has ended.

        A gVisor container ends with its pod only: use stop_pod().
        """
        self._client.call("StopContainer", container_id=container.id, timeout=timeout)

    def remove_container(self, container: Container) -> None:
        """Removes a container, killing it when it runs."""
        self._client.call("RemoveContainer", container_id=container.id)

    def stop_pod(self, pod: Pod) -> None:
        """Stops a sandbox and all its containers; they can still be listed."""
        self._stop_pod(pod.id, pod.spec.runtime_handler)

    def remove_pod(self, pod: Pod) -> None:
        """Removes a sandbox and all its containers."""
        self._remove_pod(pod.id, pod.spec.runtime_handler)

    def kill_runtime(self) -> None:
        """Kills containerd alone: its socket stops answering, its containers run on."""
        self._client.close()
        self._client = None
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Kills containerd and starts it again on the same socket; containers run on."""
        if self._client is not None:
            self.kill_runtime()
        self._start()

    def command(self, *command: str) -> list[str]:
        """`command` run where containerd runs: in its network, and with a node's files."""
        inside = self._node_files.command(*command) if self._node_files else command
        # Not `ip netns exec`: it mounts a new sysfs over /sys, which hides the cgroups.
        return ["nsenter", f"--net=/run/netns/{self.netns}", *inside]

    def import_image(self, archive: pathlib.Path, *references: str) -> None:
        """Imports a docker-archive or OCI archive; returns when pods can use its `references`."""
        self._run(
            str(self._bin / "ctr"), "--address", f"{self.folder}/containerd.sock",
            "--namespace", "k8s.io", "images", "import", str(archive),
        )
        # The CRI plugin learns of them by an event.
        wait_until(lambda: self._has_images(references), _START_SECONDS, "images known to CRI")

    def check_clean(self) -> list[str]:
        """What the bed has on the machine, one line each; empty after its end."""
        return leftovers.check_clean(self.name)

    def _require(self) -> None:
        if os.geteuid() != 0:
            raise Unavailable("running containerd needs root")
        for program in _NEEDED_PROGRAMS:
            if shutil.which(program, path=_SYSTEM_PATH) is None:
                raise Unavailable(f"{program} is missing, run scripts/install-deps")
        if not os.path.exists(f"{containerd_config.CNI_PLUGINS}/bridge"):
            raise Unavailable("CNI plugins are missing, run scripts/install-deps")
        self._bin = fetch.containerd(self.version)
        if self._gvisor:
            self._runsc = fetch.runsc()

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o711)
        containerd_config.write(self.folder, self.version, self._runsc)
        containerd_config.write_limited(self.folder, self._bin / "ctr")
        if self._node_files is not None:
            self._node_files.create()
        if self.netns == self.name:
            self._run("ip", "netns", "add", self.netns)
            # containerd's streaming server listens on the loopback address.
            self._run("ip", "-n", self.netns, "link", "set", "lo", "up")

    def _start(self) -> None:
        with open(self.folder / "containerd.log", "ab") as log:
            self._process = subprocess.Popen(
                self.command(str(self._bin / "containerd"),
                             "--config", str(self.folder / "config.toml")),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment(),
                # A Ctrl-C is for us: containerd must outlive it to remove its containers.
                start_new_session=True,
            )
        try:
            wait_until(self._is_listening, _START_SECONDS, f"containerd {self.version} listens")
            self._client = CriClient(self.endpoint)
            wait_until(self._is_ready, _START_SECONDS, f"containerd {self.version} ready")
        except DeadlineExceeded as error:
            raise RuntimeError(f"{error}\n{self._log_tail()}") from None

    def _is_listening(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"containerd {self.version} ended\n{self._log_tail()}")
        with socket.socket(socket.AF_UNIX) as client:
            # Asked before gRPC is: after one refused connection it waits a second.
            return client.connect_ex(self.endpoint.removeprefix("unix://")) == 0

    def _is_ready(self) -> bool:
        try:
            conditions = self._client.call("Status").status.conditions
        except grpc.RpcError:
            return False
        return bool(conditions) and all(condition.status for condition in conditions)

    def _log_tail(self) -> str:
        lines = (self.folder / "containerd.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-15:])

    def _import_images(self) -> None:
        archive = self.folder / "images.tar"
        image.write_archive(archive)
        self.import_image(archive, *(image.reference(name) for name in image.NAMES))
        archive.unlink()

    def _has_images(self, references: tuple[str, ...]) -> bool:
        answers = [self._client.call("ImageStatus", image={"image": it}) for it in references]
        return all(answer.image.id for answer in answers)

    def _remove_pods(self) -> None:
        # Best effort: leftovers.remove() and the check after it do not need the runtime.
        if self._client is None:
            return
        self._client.call_seconds = _STOP_SECONDS
        with contextlib.suppress(grpc.RpcError):
            pods = self._client.call("ListPodSandbox").items
            with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
                list(pool.map(lambda pod: self._remove_pod(pod.id, pod.runtime_handler), pods))

    def _stop_pod(self, pod_id: str, runtime_handler: str) -> None:
        if runtime_handler:
            # All of a gVisor pod's containers have the pid of its one sandbox process. The runc
            # shim waits for that pid when it stops one of them, so to the end of its patience.
            pid = self.pod_info(pod_id).get("pid", 0)
            leftovers.kill_and_wait(self.name, [pid] if pid else [])
        self._client.call("StopPodSandbox", pod_sandbox_id=pod_id)

    def _remove_pod(self, pod_id: str, runtime_handler: str) -> None:
        self._stop_pod(pod_id, runtime_handler)
        self._client.call("RemovePodSandbox", pod_sandbox_id=pod_id)

    def _stop(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _environment(self) -> dict[str, str]:
        # Its own shim first: one of another version speaks another protocol.
        return {**os.environ, "PATH": f"{self._bin}:{_SYSTEM_PATH}"}

    def _run(self, *command: str) -> None:
        result = subprocess.run(
            command, capture_output=True, text=True, env=self._environment(),
            start_new_session=True, check=False,
        )
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
