"""One-shot exec: what goes in and out, what is refused, and whose the node's namespaces are."""

import base64
import json
import os
import signal
import socket
import uuid

import pytest
from agent import API, NODE, TOKEN, Agent, Answer, ask
from bed import Containerd
from bed.deadline import wait_until
from conftest import BUILD_DIR
from session import processes_with

POD_USER = "the-token-of-one-who-may-enter-pods"
NODE_USER = "the-token-of-one-who-may-enter-nodes"
MAY_ENTER_PODS = [{"verbs": ["create"], "resources": ["pods/exec"]},
                  {"verbs": ["use"], "resources": ["profiles"], "names": ["general"]}]
TOKENS = [
    {"token": TOKEN, "user": "admin", "rules": [{"verbs": ["*"], "resources": ["*"]}]},
    {"token": POD_USER, "user": "pods", "rules": MAY_ENTER_PODS},
    {"token": NODE_USER, "user": "nodes", "rules": [
        *MAY_ENTER_PODS, {"verbs": ["create"], "resources": ["nodes/exec"]}]},
]
EXEC = f"{API}/namespaces/shop/pods/web/exec"
GONE_SECONDS = 20


@pytest.fixture(scope="module")
def bed():
    with Containerd("2.1") as one:
        one.run_container(one.run_pod("shop", "web"), "app", image="busybox")
        # No pod with the node's network: the bed's host network is the bed's own.
        one.run_container(one.run_pod("host", "pid", host_pid=True), "app", image="busybox")
        one.run_pod("shop", "empty")
        yield one


@pytest.fixture(scope="module")
def agent(bed):
    with Agent(BUILD_DIR, bed.endpoint, tokens=TOKENS) as one:
        yield one


def result(answer: Answer) -> dict:
    """The document of an exec that ran."""
    assert answer.status == 200, answer
    return answer.json()


# --- what goes in and comes out


def test_stdin_as_text_and_as_base64(agent):
    assert result(agent.exec("shop/web", ["cat"], stdin="héllo\n"))["stdout"] == "héllo\n"
    data = bytes(range(256))
    encoded = base64.b64encode(data).decode()
    told = result(agent.exec("shop/web", ["cat"], stdinBase64=encoded))
    assert base64.b64decode(told["stdoutBase64"]) == data and "stdout" not in told


def test_without_stdin_there_is_none(agent):
    assert result(agent.exec("shop/web", ["wc", "-c"]))["stdout"].strip() == "0"


@pytest.mark.parametrize("size, limit, cut", [(100, 100, False), (101, 100, True), (5, 0, True),
                                              (8 << 20, 4 << 20, True)])
def test_cuts_output_and_says_so(agent, size, limit, cut):
    told = result(agent.exec("shop/web", ["sh", "-c", f"yes | head -c {size}; echo e >&2"],
                             maxOutputBytes=limit))
    assert (len(told["stdout"]), told["stdoutTruncated"]) == (min(size, limit), cut)
    assert told["stderrTruncated"] is (limit < 2) and told["exitCode"] == 0


def test_cuts_no_character_in_two(agent):
    told = result(agent.exec("shop/web", ["printf", "aé"], maxOutputBytes=2))
    assert (told["stdout"], told["stdoutTruncated"]) == ("a", True)


def test_a_deadline_ends_all_of_the_command(agent):
    marker = f"NS_DEBUG_TEST={uuid.uuid4().hex}"
    told = result(agent.exec("shop/web", ["sh", "-c", "echo begun; sleep 1000 & sleep 1000"],
                             timeoutSeconds=1, env=[marker]))
    assert (told["cause"], told["stdout"]) == ("deadline", "begun\n")
    assert told["exitCode"] != 0 and not processes_with(marker)


def test_a_client_that_goes_ends_its_command(agent):
    marker = f"NS_DEBUG_TEST={uuid.uuid4().hex}"
    connection = agent.connect()
    connection.request("POST", EXEC, json.dumps({"command": ["sleep", "1000"], "env": [marker]}),
                       {"Authorization": f"Bearer {TOKEN}"})
    wait_until(lambda: processes_with(marker), GONE_SECONDS, "the command runs")
    connection.close()
    wait_until(lambda: not processes_with(marker), GONE_SECONDS, "the command is gone")
    wait_until(lambda: not agent.cgroups(), GONE_SECONDS, "its cgroup is gone")
    assert agent.closed("1000")["cause"] == "client gone"


def test_a_client_that_goes_ends_a_command_that_does_not_read(agent):
    marker = f"NS_DEBUG_TEST={uuid.uuid4().hex}"
    connection = agent.connect()
    connection.request("POST", EXEC, json.dumps(
        {"command": ["sleep", "2000"], "env": [marker], "stdin": "x" * (1 << 20)}),
        {"Authorization": f"Bearer {TOKEN}"})
    wait_until(lambda: processes_with(marker), GONE_SECONDS, "the command runs")
    connection.close()
    wait_until(lambda: not processes_with(marker), 2 * GONE_SECONDS, "the command is gone")
    assert agent.closed("2000")["cause"] == "client gone"


def test_a_connection_is_kept_over_many_commands(agent):
    connection = agent.connect()
    connection.connect()
    local = connection.sock.getsockname()
    for number in range(20):
        answer = ask(connection, "POST", EXEC, {"command": ["echo", str(number)]})
        assert result(answer)["stdout"] == f"{number}\n"
        assert connection.sock.getsockname() == local
    connection.close()


def test_requests_may_be_sent_before_their_answers(agent):
    body = json.dumps({"command": ["echo", "hello"]}).encode()
    request = (f"POST {EXEC} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
               f"Content-Length: {len(body)}\r\n\r\n").encode() + body
    with socket.create_connection(("127.0.0.1", agent.port), timeout=60) as raw, \
            agent.tls().wrap_socket(raw, server_hostname="localhost") as connection:
        connection.sendall(request * 3)
        seen = b""
        while seen.count(b'"stdout":"hello\\n"') < 3:
            data = connection.recv(65536)
            assert data, seen
            seen += data
    assert seen.count(b"HTTP/1.1 200") == 3


def test_an_answer_to_head_has_no_body(agent):
    def request(method: str) -> bytes:
        return (f"{method} {API}/pods HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: Bearer {TOKEN}\r\n\r\n").encode()

    with socket.create_connection(("127.0.0.1", agent.port), timeout=60) as raw, \
            agent.tls().wrap_socket(raw, server_hostname="localhost") as connection, \
            connection.makefile("rb") as answers:
        connection.sendall(request("HEAD") + request("GET"))
        assert answers.readline().startswith(b"HTTP/1.1 405")
        while answers.readline().strip():
            pass
        assert answers.readline() == b"HTTP/1.1 200 OK\r\n"


# --- what is refused before anything starts


BAD_BODIES = {
    "an unknown field": (b'{"command": ["true"], "colour": 1}', "colour"),
    "a wrong type": (b'{"command": "true"}', "command"),
    "a wrong type inside": (b'{"command": ["true", 1]}', "command"),
    "a field given twice": (b'{"command": ["true"], "command": ["true"]}', "command"),
    "a NUL byte": (b'{"command": ["a\\u0000b"]}', "command"),
    "too many arguments": (json.dumps({"command": ["x"] * 1025}).encode(), "command"),
    "too long a command": (json.dumps({"command": ["x" * 40000]}).encode(), "command"),
    "no command": (b"{}", "command"),
    "an empty program": (b'{"command": [""]}', "command"),
    "bad base64": (b'{"command": ["true"], "stdinBase64": "***"}', "stdinBase64"),
    "two inputs": (b'{"command": ["true"], "stdin": "a", "stdinBase64": "YQ=="}', "stdin"),
    "a negative time": (b'{"command": ["true"], "timeoutSeconds": -1}', "timeoutSeconds"),
    "too long a time": (b'{"command": ["true"], "timeoutSeconds": 99999999}', "timeoutSeconds"),
    "too much output": (b'{"command": ["true"], "maxOutputBytes": 99999999999}', "maxOutputBytes"),
    "a relative folder": (b'{"command": ["true"], "workingDir": "x"}', "workingDir"),
    "a bad variable": (b'{"command": ["true"], "env": ["1"]}', "env"),
    "an unknown profile": (b'{"command": ["true"], "profile": "root"}', "profile"),
    "an unknown view": (b'{"command": ["true"], "view": "all"}', "view"),
    "an unknown namespace": (b'{"command": ["true"], "namespaces": ["moon"]}', "namespaces"),
    "half of it": (b'{"command": ["tr', "body"),
    "no object": (b"[]", "body"),
    "nothing": (b"", "body"),
    "no UTF-8": (b'{"command": ["\xff"]}', "body"),
    "a deep one": (b"[" * 100_000, "body"),
}


def test_names_what_is_wrong_and_keeps_the_connection(agent):
    started = len(agent.audit())
    connection = agent.connect()
    connection.connect()
    local = connection.sock.getsockname()
    for name, (body, field) in BAD_BODIES.items():
        answer = ask(connection, "POST", EXEC, body)
        assert answer.status == 400, (name, answer)
        assert field in answer.message(), (name, answer)
        assert connection.sock.getsockname() == local, name
    assert result(ask(connection, "POST", EXEC, {"command": ["true"]}))["exitCode"] == 0
    connection.close()
    assert [line["event"] for line in agent.audit()[started:]].count("opened") == 1


def test_refuses_too_long_a_header(agent):
    answer = agent.call("GET", f"{API}/pods", headers={"X-Long": "x" * 40000})
    assert answer.status == 431 and "maxHeaderBytes" in answer.message()


def test_refuses_too_large_a_body(agent):
    answer = agent.call("POST", EXEC, b"x" * (5 << 20))
    assert answer.status == 413 and "maxBodyBytes" in answer.message()


def test_a_refusal_keeps_the_connection_of_a_small_body(agent):
    connection = agent.connect()
    connection.connect()
    local = connection.sock.getsockname()
    assert ask(connection, "POST", EXEC, {"command": ["true"]}, "wrong").status == 401
    answer = ask(connection, "PUT", EXEC, {"command": ["true"]})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")
    assert connection.sock.getsockname() == local
    connection.close()


def test_a_path_that_is_not_utf_8_is_no_name(agent):
    answer = agent.call("GET", f"{API}/namespaces/shop/pods/%ff")
    assert answer.status == 400 and "UTF-8" in answer.message()


UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
           "Sec-WebSocket-Protocol": "v5.channel.k8s.io"}


@pytest.mark.parametrize("change, status", [
    ({"Sec-WebSocket-Version": "12"}, 426), ({"Sec-WebSocket-Version": None}, 426),
    ({"Sec-WebSocket-Key": None}, 400), ({"Sec-WebSocket-Key": "c2hvcnQ="}, 400)])
def test_starts_nothing_for_a_malformed_upgrade(agent, change, status):
    lines = len(agent.audit())
    headers = {name: value for name, value in {**UPGRADE, **change}.items() if value is not None}
    answer = agent.call("GET", f"{EXEC}?command=true&stdout=true", headers=headers)
    assert answer.status == status and "WebSocket" in answer.message()
    assert answer.headers["Sec-WebSocket-Version"] == ("13" if status == 426 else None)
    assert len(agent.audit()) == lines


def test_starts_nothing_for_data_before_the_answer_to_an_upgrade(agent):
    lines = len(agent.audit())
    head = [f"GET {EXEC}?command=true&stdout=true HTTP/1.1", "Host: localhost",
            f"Authorization: Bearer {TOKEN}", *(f"{key}: {one}" for key, one in UPGRADE.items())]
    with socket.create_connection(("127.0.0.1", agent.port), timeout=60) as raw, \
            agent.tls().wrap_socket(raw, server_hostname="localhost") as connection:
        connection.sendall("\r\n".join([*head, "", "early"]).encode())
        told = connection.recv(4096)
    assert told.startswith(b"HTTP/1.1 400 ") and b'"kind":"Status"' in told
    assert len(agent.audit()) == lines


def test_spdy_is_told_what_a_websocket_would_be(agent):
    path = "/api/v1/namespaces/shop/pods/web/exec?command=true&stdout=true"
    assert agent.call("POST", path).status == 400
    lines = len(agent.audit())
    gone = agent.call("POST", path.replace("web", "nowhere"))
    assert gone.status == 404 and "SPDY" not in gone.message()
    assert [line["event"] for line in agent.audit()[lines:]] == ["denied"]


# --- whose the node's namespaces are


@pytest.mark.parametrize("pod, fields", [
    ("host/pid", {}), ("shop/web", {"namespaces": ["net"]})])
def test_the_nodes_namespaces_need_the_right_to_the_node(agent, pod, fields):
    path = f"{API}/namespaces/{pod.split('/')[0]}/pods/{pod.split('/')[1]}/exec"
    refused = agent.call("POST", path, {"command": ["true"], **fields}, POD_USER)
    assert refused.status == 403 and "nodes/exec" in refused.message()
    denied = [line for line in agent.audit() if line["event"] == "denied"][-1]
    assert (denied["user"], denied["code"]) == ("pods", "PERMISSION_DENIED"), denied
    assert result(agent.call("POST", path, {"command": ["true"], **fields},
                             NODE_USER))["exitCode"] == 0


def test_an_ordinary_pod_needs_no_right_to_the_node(agent):
    assert result(agent.call("POST", EXEC, {"command": ["true"]}, POD_USER))["exitCode"] == 0


def test_a_profile_needs_the_right_to_use_it(agent):
    refused = agent.call("POST", EXEC, {"command": ["true"], "profile": "sysadmin"}, NODE_USER)
    assert refused.status == 403 and "sysadmin" in refused.message()


def test_view_host_is_for_a_standalone_agent_and_the_right_to_the_node(agent):
    body = {"command": ["true"], "view": "host"}
    assert agent.call("POST", EXEC, body, POD_USER).status == 403
    assert result(agent.call("POST", EXEC, body, NODE_USER))["exitCode"] == 0


def test_a_pod_without_container_is_entered_by_its_sandbox(agent):
    told = agent.exec("shop/empty", ["true"])
    assert told.status in (404, 409) and told.message()
    told = result(agent.exec("shop/empty", ["hostname"], sandbox=True))
    assert told["exitCode"] == 0


# --- what the agent knows from a moment ago


def target(answer: Answer) -> str:
    """The id of the container that was entered."""
    return result(answer)["target"]["containerId"]


def test_finds_a_container_that_was_started_again(agent, bed):
    pod = bed.run_pod("shop", "again")
    try:
        first = bed.run_container(pod, "app", image="busybox")
        assert target(agent.exec("shop/again", ["true"])) == first.id
        os.kill(first.pid, signal.SIGKILL)
        second = bed.run_container(pod, "app", image="busybox", attempt=1)
        assert target(agent.exec("shop/again", ["true"])) == second.id
    finally:
        bed.remove_pod(pod)


def test_finds_the_pod_that_took_another_ones_name(agent, bed):
    for _ in range(2):
        pod = bed.run_pod("shop", "successor")
        try:
            container = bed.run_container(pod, "app", image="busybox")
            assert target(agent.exec("shop/successor", ["true"])) == container.id
        finally:
            bed.remove_pod(pod)
    answer = agent.exec("shop/successor", ["true"])
    assert answer.status == 404, answer


def test_another_container_of_the_pod_is_another_target(agent, bed):
    pod = bed.run_pod("shop", "two")
    try:
        ids = {name: bed.run_container(pod, name, image="busybox").id for name in ("app", "sidecar")}
        for name in ("app", "sidecar", "app"):
            assert target(agent.exec("shop/two", ["true"], container=name)) == ids[name]
    finally:
        bed.remove_pod(pod)


def test_enters_the_node(agent):
    path = f"{API}/nodes/{NODE}/exec"
    told = result(agent.call("POST", path, {"command": ["readlink", "/proc/self/ns/net"]},
                             NODE_USER))
    assert told["stdout"].startswith("net:[") and told["target"]["node"] == NODE
    assert agent.call("POST", path, {"command": ["true"]}, POD_USER).status == 403
    other = agent.call("POST", f"{API}/nodes/other/exec", {"command": ["true"]}, NODE_USER)
    assert other.status == 404 and "other" in other.message()
