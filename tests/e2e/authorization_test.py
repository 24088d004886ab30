"""Who may do what: the roles of the chart, asked of a real API server for users with certificates
and tokens, by the plugin."""

import json
import subprocess

import pods
import pytest
from bed.deadline import wait_until
from user import person, service_account

DENIED = 241
GONE = 242
# The shortest that a TokenRequest gives.
SHORT_SECONDS = 600
NOTICE_SECONDS = 30


def run(plugin, *arguments: str, namespace: str = pods.SHOP) -> subprocess.CompletedProcess:
    return plugin.run("-n", namespace, *arguments)


def assert_denied(done: subprocess.CompletedProcess, *words: str) -> None:
    assert (done.returncode, done.stdout) == (DENIED, b""), done
    for word in words:
        assert word in done.stderr.decode(), done


@pytest.fixture(scope="module", name="viewer")
def viewer_fixture(users, plugin_of):
    """May only look, in the shop."""
    users.bind("ns-debug-viewer", person("viewer"), pods.SHOP)
    users.let_reach_the_agents(person("viewer"))
    return plugin_of(users.by_certificate("viewer"))


def test_only_where_the_role_is(alice):
    assert run(alice, "web", "--", "true").returncode == 0
    # To the API server already she is a stranger there.
    assert_denied(run(alice, "vault", "--", "true", namespace=pods.BANK), "alice", "pods", "bank")


def test_a_pod_that_others_may_look_at_is_not_opened_by_that(alice, users, cluster):
    cluster.apply({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                   "metadata": {"namespace": pods.BANK, "name": "look"},
                   "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]})
    users.bind("look", person("alice"), pods.BANK, "Role")

    def denied_by_the_agent() -> bool:
        done = run(alice, "vault", "--", "true", namespace=pods.BANK)
        assert_denied(done, "alice")
        return b'create resource "pods/exec"' in done.stderr

    wait_until(denied_by_the_agent, NOTICE_SECONDS, "the role in effect")


def test_get_is_not_enough_for_a_stream_that_is_asked_for_by_get(viewer):
    def denied_by_the_agent() -> bool:
        done = run(viewer, "web", "--", "true")
        assert_denied(done, "viewer")
        return b'create resource "pods/exec"' in done.stderr

    wait_until(denied_by_the_agent, NOTICE_SECONDS, "the role in effect")


@pytest.mark.parametrize("profile", ["netadmin", "sysadmin"])
def test_profiles_are_rights_of_their_own(alice, profile):
    assert_denied(run(alice, "web", "--profile", profile, "--", "true"), "alice", profile)


def test_what_the_profile_gives(alice, users, plugin_of):
    users.bind("ns-debug-netadmin", person("nina"), pods.SHOP)
    users.let_reach_the_agents(person("nina"))
    nina = plugin_of(users.by_certificate("nina"))

    def may() -> bool:
        return run(nina, "web", "--profile", "netadmin", "--", "ip", "address", "add",
                   "192.0.2.1/32", "dev", "lo").returncode in (0, 2)

    wait_until(may, NOTICE_SECONDS, "the role in effect")
    assert "192.0.2.1" in run(alice, "web", "--", "ip", "address", "show", "lo").stdout.decode()
    # Without the profile's right the same is refused by the kernel.
    done = run(alice, "web", "--", "ip", "address", "del", "192.0.2.1/32", "dev", "lo")
    assert done.returncode == 2 and b"Operation not permitted" in done.stderr, done
    assert run(nina, "web", "--profile", "netadmin", "--", "ip", "address", "del", "192.0.2.1/32",
               "dev", "lo").returncode == 0


def test_the_node_is_not_hers(alice):
    assert_denied(run(alice, "node/node-1", "--", "true"), "alice", "nodes/exec")


def test_a_pod_in_the_nodes_network_is_not_hers(alice, sre):
    assert_denied(run(alice, "host", "--", "true"), "alice", "nodes/exec")
    assert run(sre, "host", "--", "true").returncode == 0


def test_a_service_account_with_a_token(cluster, users, plugin_of):
    token = cluster.control_plane.service_account(pods.SHOP, "robot")
    users.bind("ns-debug-user", service_account(pods.SHOP, "robot"), pods.SHOP)
    users.let_reach_the_agents(service_account(pods.SHOP, "robot"))
    robot = plugin_of(users.by_token("robot", token))
    wait_until(lambda: run(robot, "web", "--", "true").returncode == 0, NOTICE_SECONDS,
               "the role in effect")
    assert_denied(run(robot, "host", "--", "true"), "system:serviceaccount:shop:robot")


def test_a_token_that_has_expired(cluster, users, plugin_of):
    """The same token, signed by the same key, counts as long as it has not."""
    plane = cluster.control_plane
    token = plane.service_account(pods.SHOP, "clock", seconds=SHORT_SECONDS)
    users.bind("ns-debug-user", service_account(pods.SHOP, "clock"), pods.SHOP)
    users.let_reach_the_agents(service_account(pods.SHOP, "clock"))
    valid = plugin_of(users.by_token("valid", plane.issued_earlier(token, 60)))
    wait_until(lambda: run(valid, "web", "--", "true").returncode == 0, NOTICE_SECONDS,
               "the role in effect")
    expired = plane.issued_earlier(token, SHORT_SECONDS + 60)
    done = run(plugin_of(users.by_token("expired", expired)), "web", "--", "true")
    assert_denied(done)
    assert expired.encode() not in done.stderr


def test_tokens_that_are_no_good(cluster, users, plugin_of):
    other = cluster.control_plane.service_account(pods.SHOP, "robot", ["https://other.example"],
                                                  SHORT_SECONDS)
    for name, token in (("foreign", other), ("forged", other[:-8] + "AAAAAAAA"),
                        ("nobody", "a-token-that-nobody-has")):
        done = run(plugin_of(users.by_token(name, token)), "web", "--", "true")
        assert_denied(done)
        assert token.encode() not in done.stderr


@pytest.mark.parametrize("kind", ["expired_user", "foreign_user"])
def test_certificates_that_are_no_good(cluster, users, plugin_of, kind):
    certificate = getattr(cluster.control_plane, kind)("alice")
    plugin = plugin_of(users.by_certificate(kind, certificate))
    assert_denied(run(plugin, "web", "--", "true"))


def test_who_lacks_the_way_to_the_agents(users, plugin_of):
    users.bind("ns-debug-user", person("lost"), pods.SHOP)
    lost = plugin_of(users.by_certificate("lost"))
    wait_until(lambda: b"namespace \"ns-debug\"" in run(lost, "web", "--", "true").stderr,
               NOTICE_SECONDS, "the role in effect")
    assert_denied(run(lost, "web", "--", "true"), "lost", "ns-debug")


def test_the_audit_log_names_who_and_what(alice, deployment):
    secret = "hunter2-of-this-test"
    assert run(alice, "web", "--", "env", f"PASSWORD={secret}", "true").returncode == 0
    assert_denied(run(alice, "web", "--profile", "sysadmin", "--", "true"))

    def lines(event: str) -> list[dict]:
        return [line for line in deployment.audit()
                if line["event"] == event and line.get("user") == "alice"]

    def opened_env() -> list[dict]:
        return [line for line in lines("opened") if line.get("command", [""])[0] == "env"]

    opened = wait_until(opened_env, NOTICE_SECONDS, "an audit line")[-1]
    assert (opened["namespace"], opened["pod"], opened["profile"]) == ("shop", "web", "general")
    assert secret not in json.dumps(deployment.audit())
    assert any(line.get("profile") == "sysadmin" for line in lines("denied"))
