"""Pods and containers as the kubelet asks a runtime for them."""

import dataclasses
import uuid

from . import image
from .cri_client import messages

# Recognisable in a pod's resolv.conf, and never asked: the bed has no DNS.
_DNS_SERVER = "10.96.0.10"

_POD, _CONTAINER, _NODE, _TARGET = range(4)
_RUNTIME_DEFAULT, _UNCONFINED = range(2)


@dataclasses.dataclass
class PodSpec:
    """A pod to run. The defaults are those of a pod with nothing set."""

    namespace: str
    name: str
    uid: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    attempt: int = 0
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    annotations: dict[str, str] = dataclasses.field(default_factory=dict)
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_pid: bool = False
    privileged: bool = False
    runtime_handler: str = ""


@dataclasses.dataclass
class ContainerSpec:
    """A container to run in a pod. `user` is a uid or a name; `command` replaces the image's."""

    name: str
    image: str = "distroless"
    attempt: int = 0
    command: list[str] | None = None
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    working_dir: str = ""
    user: int | str | None = None
    group: int | None = None
    supplemental_groups: list[int] = dataclasses.field(default_factory=list)
    # Container path to host path.
    mounts: dict[str, str] = dataclasses.field(default_factory=dict)
    add_capabilities: list[str] = dataclasses.field(default_factory=list)
    drop_capabilities: list[str] = dataclasses.field(default_factory=list)
    privileged: bool = False
    readonly_rootfs: bool = False
    no_new_privs: bool = False
    # As with RuntimeDefault in a pod's securityContext; the kubelet's own default is none.
    runtime_seccomp: bool = False
    memory_limit: int = 0
    tty: bool = False
    # Shares the PID namespace of this container, as an ephemeral container with --target does.
    target_id: str = ""
    annotations: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Pod:
    """A sandbox that runs: its CRI id, the pid of its pause process (0 if none), its address."""

    id: str
    pid: int
    ip: str
    spec: PodSpec
    config: object


@dataclasses.dataclass
class Container:
    """A container that was created. `pid` is 0 when it was not started or has ended already."""

    id: str
    pid: int
    pod: Pod
    spec: ContainerSpec


def sandbox_config(spec: PodSpec, cgroup_root: str, log_root: str):
    """The kubelet's PodSandboxConfig for `spec`."""
    m = messages()
    context = m.LinuxSandboxSecurityContext(
        namespace_options=_namespaces(spec),
        privileged=spec.privileged,
        seccomp=m.SecurityProfile(profile_type=_RUNTIME_DEFAULT),
    )
    return m.PodSandboxConfig(
        metadata=m.PodSandboxMetadata(
            name=spec.name, uid=spec.uid, namespace=spec.namespace, attempt=spec.attempt
        ),
        # A pod on the host's network has the host's name too.
        hostname="" if spec.host_network else spec.name,
        log_directory=f"{log_root}/{spec.namespace}_{spec.name}_{spec.uid}",
        dns_config=m.DNSConfig(
            servers=[_DNS_SERVER],
            searches=[f"{spec.namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local"],
            options=["ndots:5"],
        ),
        # The kubelet's own labels win over the pod's.
        labels={**spec.labels, **_pod_labels(spec)},
        annotations=spec.annotations,
        linux=m.LinuxPodSandboxConfig(
            cgroup_parent=f"{cgroup_root}/kubepods/besteffort/pod{spec.uid}",
            security_context=context,
        ),
    )


def container_config(spec: ContainerSpec, pod: PodSpec):
    """The kubelet's ContainerConfig for `spec` in `pod`."""
    m = messages()
    return m.ContainerConfig(
        metadata=m.ContainerMetadata(name=spec.name, attempt=spec.attempt),
        image=m.ImageSpec(image=image.reference(spec.image)),
        command=spec.command,
        working_dir=spec.working_dir,
        envs=[m.KeyValue(key=key, value=value.encode()) for key, value in spec.env.items()],
        mounts=[
            m.Mount(container_path=inside, host_path=outside)
            for inside, outside in spec.mounts.items()
        ],
        labels={**_pod_labels(pod), "io.kubernetes.container.name": spec.name},
        annotations={
            "io.kubernetes.container.hash": "5a7e1f00",
            "io.kubernetes.container.restartCount": str(spec.attempt),
            "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
            "io.kubernetes.container.terminationMessagePolicy": "File",
            "io.kubernetes.pod.terminationGracePeriod": "30",
            **spec.annotations,
        },
        log_path=f"{spec.name}/{spec.attempt}.log",
        tty=spec.tty,
        stdin=spec.tty,
        linux=m.LinuxContainerConfig(
            resources=m.LinuxContainerResources(
                cpu_shares=2, memory_limit_in_bytes=spec.memory_limit
            ),
            security_context=_security_context(spec, pod),
        ),
    )


def _security_context(spec: ContainerSpec, pod: PodSpec):
    m = messages()
    context = m.LinuxContainerSecurityContext(
        capabilities=m.Capability(
            add_capabilities=spec.add_capabilities, drop_capabilities=spec.drop_capabilities
        ),
        privileged=spec.privileged,
        namespace_options=_namespaces(pod, spec.target_id),
        readonly_rootfs=spec.readonly_rootfs,
        supplemental_groups=spec.supplemental_groups,
        no_new_privs=spec.no_new_privs,
        seccomp=m.SecurityProfile(
            profile_type=_RUNTIME_DEFAULT if spec.runtime_seccomp else _UNCONFINED
        ),
    )
    if isinstance(spec.user, int):
        context.run_as_user.value = spec.user
    elif spec.user is not None:
        context.run_as_username = spec.user
    if spec.group is not None:
        context.run_as_group.value = spec.group
    # What the runtimes hide from a container, and the kubelet asks for by name.
    if not spec.privileged:
        context.masked_paths.extend(
            ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
             "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
        )
        context.readonly_paths.extend(
            ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
        )
    return context


def _namespaces(pod: PodSpec, target_id: str = ""):
    pid = _NODE if pod.host_pid else _POD if pod.share_pid else _CONTAINER
    return messages().NamespaceOption(
        network=_NODE if pod.host_network else _POD,
        pid=_TARGET if target_id else pid,
        ipc=_NODE if pod.host_ipc else _POD,
        target_id=target_id,
    )


def _pod_labels(pod: PodSpec) -> dict[str, str]:
    return {
        "io.kubernetes.pod.name": pod.name,
        "io.kubernetes.pod.namespace": pod.namespace,
        "io.kubernetes.pod.uid": pod.uid,
    }
