"""What nodes, pods and the like say about themselves in their status."""


def is_ready(item: dict) -> bool:
    """Whether the condition Ready of a node or pod is true."""
    return is_true(item, "Ready")


def is_true(item: dict, kind: str) -> bool:
    """Whether the condition of this type is true."""
    conditions = item.get("status", {}).get("conditions", [])
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)


def takes_pods(node: dict) -> bool:
    """Whether pods can run on a node."""
    # The taint of a node that is not ready goes a moment after it is.
    return is_ready(node) and not node["spec"].get("taints")
