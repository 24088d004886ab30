"""The roles for users against the agent's own table of routes."""

import re

import helm
import pytest
import yaml

GROUP = "ns-debug.io"
# A string literal, or two that the compiler puts together.
ROUTE = re.compile(r"Route\{(Endpoint::.*?)\}[,;]", re.DOTALL)
STRING = re.compile(r'"([^"]*)"')
PROFILES = ["baseline", "general", "netadmin", "restricted", "sysadmin"]

# Each role has what the one before it has, and this.
STEPS = {
    "ns-debug-viewer": {("get", "pods"), ("list", "pods")},
    "ns-debug-user": {("create", "pods/exec"), ("use", "profiles/general"),
                      ("use", "profiles/baseline"), ("use", "profiles/restricted")},
    "ns-debug-netadmin": {("use", "profiles/netadmin")},
    "ns-debug-admin": {("use", "profiles/sysadmin"), ("create", "nodes/exec"),
                       ("list", "sessions"), ("delete", "sessions")},
}


def accesses() -> set[tuple[str, str]]:
    """What the routes ask for: verbs and resources."""
    text = (helm.ROOT / "agent" / "server" / "route.cc").read_text()
    found = set()
    routes = ROUTE.findall(text)
    assert len(routes) == text.count("Route{Endpoint::"), "a route that this cannot read"
    for route in routes:
        # Method and path come first; NS_DEBUG_API is no literal of its own.
        _, _, *access = STRING.findall(route)
        if access:
            found.add((access[0], "/".join(access[1:])))
    return found


def profiles() -> list[str]:
    text = (helm.ROOT / "nsenter" / "profile.cc").read_text()
    return sorted(re.findall(r'^ {6}\{"([a-z]+)",', text, re.MULTILINE))


def rights(role: dict) -> set[tuple[str, str]]:
    """What a role allows in the agent's group."""
    found = set()
    for rule in role["rules"]:
        if rule["apiGroups"] != [GROUP]:
            continue
        for verb in rule["verbs"]:
            for resource in rule["resources"]:
                names = rule.get("resourceNames")
                found |= {(verb, f"{resource}/{name}") for name in names} if names else {
                    (verb, resource)}
    return found


@pytest.fixture(scope="module", name="items")
def items_fixture():
    return helm.render()


def test_the_profiles_are_known():
    assert profiles() == PROFILES


def test_the_administrator_may_what_the_routes_ask_for_and_nothing_else(items):
    wanted = accesses()
    assert ("create", "pods/exec") in wanted and ("delete", "sessions") in wanted
    wanted |= {("use", f"profiles/{name}") for name in PROFILES}
    assert rights(helm.only(items, "ClusterRole", "ns-debug-admin")) == wanted


def test_each_role_adds_its_step_to_the_one_before(items):
    expected = set()
    for name, step in STEPS.items():
        expected |= step
        assert rights(helm.only(items, "ClusterRole", name)) == expected, name
    assert {item["metadata"]["name"] for item in items if item["kind"] == "ClusterRole"} == set(
        STEPS)


def test_of_kubernetes_own_objects_a_user_may_see_pods(items):
    for name in STEPS:
        rules = [rule for rule in helm.only(items, "ClusterRole", name)["rules"]
                 if rule["apiGroups"] != [GROUP]]
        assert rules == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]


def test_every_rule_has_its_reason():
    text = (helm.CHART / "templates" / "user-roles.yaml").read_text()
    # Those of the profiles are explained by their role, which is just its list of profiles.
    for match in re.finditer(r"^(.*)\n *- apiGroups: .*\n *resources: \[(.*)\]$", text,
                             re.MULTILINE):
        assert match[1].lstrip().startswith("# ") or match[2] == "profiles", match[0]


def test_the_plugin_reaches_the_agents_and_nothing_else(items):
    role = helm.only(items, "Role", "ns-debug-plugin")
    assert role["metadata"]["namespace"] == helm.NAMESPACE
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["ns-debug-ca"],
         "verbs": ["get"]},
    ]
    assert not [item for item in items if item["metadata"]["name"] == "ns-debug-plugin"
                and item["kind"] == "RoleBinding"]


def test_a_second_release_can_be_reached():
    # The ClusterRoles are there already; what the plugin needs is of its namespace.
    items = helm.render({"userRoles.create": False, "userRoles.pluginSubjects": [
        {"kind": "Group", "name": "sre"}]})
    assert not [item for item in items if item["kind"] == "ClusterRole"]
    role = helm.only(items, "Role", "ns-debug-plugin")
    binding = helm.only(items, "RoleBinding", "ns-debug-plugin")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [subject["name"] for subject in binding["subjects"]] == ["sre"]
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == helm.NAMESPACE


def test_the_agent_has_two_bindings_and_no_role_of_its_own(items):
    bindings = {item["roleRef"]["name"] for item in items if item["kind"].endswith("Binding")}
    assert bindings == {"system:auth-delegator", "extension-apiserver-authentication-reader"}


def test_roles_are_part_of_kubernetes_own_when_asked():
    def labels(values: dict) -> dict[str, list[str]]:
        return {item["metadata"]["name"]: [label.rpartition("/")[2]
                                           for label in item["metadata"]["labels"]
                                           if "/aggregate-to-" in label]
                for item in helm.render(values) if item["kind"] == "ClusterRole"}

    assert set(map(tuple, labels({}).values())) == {()}
    assert labels({"userRoles.aggregate": True}) == {
        "ns-debug-viewer": ["aggregate-to-view"], "ns-debug-user": ["aggregate-to-edit"],
        "ns-debug-netadmin": ["aggregate-to-admin"], "ns-debug-admin": []}


def test_the_examples_name_roles_that_exist(items):
    text = (helm.ROOT / "manifests" / "rbac-examples.yaml").read_text()
    examples = [item for item in yaml.safe_load_all(text) if item]
    there = {(item["kind"], item["metadata"]["name"]) for item in [*items, *examples]}
    bindings = [item for item in examples if item["kind"].endswith("Binding")]
    assert bindings
    for binding in bindings:
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in there, binding
