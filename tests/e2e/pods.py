"""Pods of the kinds that are hard to debug without tools of their own."""

from bed import image

SHOP = "shop"
BANK = "bank"
# Written by the workload itself into its volume.
NOTE = "paid: 42"
_SLEEP = ["sh", "-c", "exec sleep 1000000"]


def _pod(name: str, containers: list[dict], namespace: str = SHOP, **spec) -> dict:
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace, "name": name},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": containers, **spec},
    }


def _box(name: str, command: list[str], **fields) -> dict:
    return {"name": name, "image": image.reference("busybox"), "command": command, **fields}


def web(namespace: str = SHOP, name: str = "web") -> dict:
    """One static binary that answers on port 8080: no shell, no libc, nothing."""
    return _pod(name, [{"name": "app", "image": image.reference("distroless")}], namespace)


def ready() -> list[dict]:
    """Those that become ready."""
    limited = {"runAsUser": 1000, "runAsGroup": 1000, "runAsNonRoot": True,
               "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False,
               "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
    volume = {"name": "data", "mountPath": "/data"}
    writes = ["sh", "-c", f"echo '{NOTE}' >/data/note; exec sleep 1000000"]
    server = {"name": "app", "image": image.reference("distroless")}
    return [
        web(),
        web(BANK, "vault"),
        _pod("limited", [_box("app", _SLEEP, securityContext=limited)]),
        _pod("host", [_box("app", _SLEEP)], hostNetwork=True),
        _pod("two", [_box("box", writes, volumeMounts=[volume]), server],
             volumes=[{"name": "data", "emptyDir": {}}]),
        _pod("shared", [_box("box", _SLEEP), server], shareProcessNamespace=True),
    ]


def crashing() -> dict:
    """Its container ends as soon as it starts."""
    return _pod("crash", [_box("app", ["sh", "-c", "exit 3"])])


def waiting() -> dict:
    """Its init container does not end, so the other has not begun."""
    return _pod("waiting", [_box("app", _SLEEP)], initContainers=[_box("migrate", _SLEEP)])


def anywhere(name: str, selector: dict, **spec) -> dict:
    """A shell that waits on a node with these labels; with others of its kind it has the label
    `tier: anywhere`."""
    pod = _pod(name, [_box("app", _SLEEP)], nodeSelector=selector, **spec)
    pod["metadata"]["labels"] = {"tier": "anywhere"}
    return pod


def is_crashing(pod: dict) -> bool:
    """Whether it has crashed, and Kubernetes waits before it starts it again."""
    return any(status["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff"
               for status in pod.get("status", {}).get("containerStatuses", []))


def is_waiting(pod: dict) -> bool:
    """Whether its init container runs."""
    return any("running" in status["state"]
               for status in pod.get("status", {}).get("initContainerStatuses", []))
