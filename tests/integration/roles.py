"""Kubernetes roles for tests of the agent: who may do what in API group ns-debug.io."""

import dataclasses

GROUP = "ns-debug.io"
_RBAC = "rbac.authorization.k8s.io"


def user(name: str) -> dict:
    """A subject: the user of a client certificate, by its CN."""
    return {"kind": "User", "name": name, "apiGroup": _RBAC}


def group(name: str) -> dict:
    """A subject: all of a group, which for a certificate is an O of it."""
    return {"kind": "Group", "name": name, "apiGroup": _RBAC}


def account(namespace: str, name: str) -> dict:
    """A subject: a service account."""
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


@dataclasses.dataclass
class Grant:
    """One role with one rule, and who has it. Without a namespace it is for the whole cluster."""

    name: str
    subjects: list[dict]
    verbs: list[str]
    resources: list[str]
    namespace: str = ""
    names: list[str] = dataclasses.field(default_factory=list)
    api_group: str = GROUP

    def manifests(self) -> list[dict]:
        """The role, and its binding, which is the last."""
        rule = {"apiGroups": [self.api_group], "resources": self.resources, "verbs": self.verbs}
        if self.names:
            rule["resourceNames"] = self.names
        kind = "Role" if self.namespace else "ClusterRole"
        metadata = {"name": self.name}
        if self.namespace:
            metadata["namespace"] = self.namespace
        role = {"apiVersion": f"{_RBAC}/v1", "kind": kind, "metadata": metadata, "rules": [rule]}
        return [role, binding(self.name, kind, self.name, self.subjects, self.namespace)]

    def review(self) -> dict:
        """The question that is answered with yes once the API server knows of the grant."""
        name = self.names[0] if self.names else ""
        return review_of(self.subjects[0], self.verbs[0], self.resources[0], self.namespace, name,
                         self.api_group)


def review_of(subject: dict, verb: str, resource: str, namespace: str = "", name: str = "",
              api_group: str = GROUP) -> dict:
    """The SubjectAccessReview that asks whether a subject may do something."""
    resource, _, subresource = resource.partition("/")
    spec = {"resourceAttributes": {
        "verb": verb, "group": api_group, "resource": resource, "subresource": subresource,
        "namespace": namespace, "name": name}}
    if subject["kind"] == "Group":
        spec["groups"] = [subject["name"]]
    elif subject["kind"] == "ServiceAccount":
        spec["user"] = f"system:serviceaccount:{subject['namespace']}:{subject['name']}"
    else:
        spec["user"] = subject["name"]
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


def binding(name: str, kind: str, role: str, subjects: list[dict], namespace: str = "") -> dict:
    """The binding of a Role or ClusterRole that is there, in a namespace or everywhere."""
    metadata = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": f"{_RBAC}/v1", "metadata": metadata, "subjects": subjects,
            "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
            "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role}}


def delegator(subject: dict) -> dict:
    """What the agent's own account needs to ask about its callers."""
    return binding(f"{subject['name']}-delegator", "ClusterRole", "system:auth-delegator",
                   [subject])


def authentication_reader(subject: dict) -> dict:
    """What the agent's own account needs to know the authority of client certificates."""
    return binding(f"{subject['name']}-authentication-reader", "Role",
                   "extension-apiserver-authentication-reader", [subject], "kube-system")
