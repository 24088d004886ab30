"""kubectl ns-debug when the API server does not do what it should: every stage hangs or breaks, and
never is that a success, a hang, or a word about credentials."""

import json
import pathlib
import subprocess
import sys
import time

import pytest
from api_stand_in import AGENTS, POD, ApiStandIn, Drop, agent_table, answer, status, upgrade
from conftest import BUILD_DIR
from port_forward import FIRST

TOKEN = "a-token-that-nobody-may-see"
SECONDS = 60
NAME_SERVER = pathlib.Path(__file__).parent / "programs" / "silent_name_server.py"
POD_PATH = "/api/v1/namespaces/default/pods/web"
FORWARD_PATH = "/api/v1/namespaces/ns-debug/pods/agent-1/portforward"


@pytest.fixture(name="api")
def api_fixture(tmp_path):
    with ApiStandIn(tmp_path) as one:
        yield one


def kubeconfig(folder: pathlib.Path, server: str, certificate: pathlib.Path, user: dict) -> str:
    path = folder / "kubeconfig"
    path.write_text(json.dumps({
        "clusters": [{"name": "c", "cluster": {
            "server": server, "certificate-authority": str(certificate)}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x"}))
    return str(path)


def run(api: ApiStandIn, folder: pathlib.Path, *arguments: str, user: dict | None = None,
        server: str = "", **variables: str):
    """The plugin's end, of a command in a pod."""
    file = kubeconfig(folder, server or f"https://localhost:{api.port}", api.certificate,
                      {"token": TOKEN} if user is None else user)
    done = end(folder, "--kubeconfig", file, *arguments, "web", "--", "true", **variables)
    assert done.stdout == b""
    assert TOKEN.encode() not in done.stderr
    return done.returncode, done.stderr.decode()


def end(folder: pathlib.Path, *arguments: str, before: tuple[str, ...] = (), **variables: str):
    """That of the plugin with these arguments alone, started by the words before it."""
    return subprocess.run(
        [*before, str(BUILD_DIR / "bin" / "kubectl-ns_debug"), *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS,
        env={"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **variables},
        check=False)


def once(first, then):
    """An answer for the first request, and one for all others."""
    left = [first]
    return lambda headers: (left.pop() if left else then)(headers)


def drop(headers):
    raise Drop


def test_the_error_of_a_refusal_and_what_to_do(api, tmp_path):
    code, told = run(api, tmp_path)
    assert code == 241
    lines = told.splitlines()
    assert lines[0] == "error: no port-forward for you"
    assert lines[1].startswith("hint: ") and len(lines) == 2


def test_requests_that_do_not_need_each_other_go_together(api, tmp_path):
    run(api, tmp_path)
    assert len(api.requests) == 4, api.requests
    _, told = run(api, tmp_path, "-v=6")
    # The pod, the agents and their authority.
    assert told.count('"Response"') == 4


@pytest.mark.parametrize("table", [AGENTS, {"kind": "Table"}, [], agent_table(1)])
def test_a_table_of_agents_that_does_not_have_ours(api, tmp_path, table):
    """Of another form, or of another page: then the node's agent is asked for."""
    agents = "/api/v1/namespaces/ns-debug/pods?"
    if table == agent_table(1):
        api.answers[POD_PATH] = lambda headers: answer(200, {**POD, "spec": {
            **POD["spec"], "nodeName": "n2"}})
    api.answers[agents] = lambda headers: answer(
        200, table if "as=Table" in headers["accept"] else AGENTS)
    code, told = run(api, tmp_path)
    assert (code, "no port-forward for you" in told) == (241, True)
    asked = [path for path in api.requests if path.startswith(agents)]
    assert len(asked) == 2 and "fieldSelector=spec.nodeName%3Dn" in asked[1]


@pytest.mark.parametrize("path", [POD_PATH, "/api/v1/namespaces/ns-debug/pods?",
                                  "/api/v1/namespaces/ns-debug/configmaps/"])
def test_a_question_whose_connection_breaks_is_asked_again(api, tmp_path, path):
    api.answers[path] = once(drop, api.answers[path])
    code, told = run(api, tmp_path)
    assert (code, "no port-forward for you" in told) == (241, True)
    assert api.count(path) == 2


def test_but_not_for_ever(api, tmp_path):
    api.answers[POD_PATH] = drop
    code, told = run(api, tmp_path)
    assert code == 240
    assert told.startswith(f"error: GET https://localhost:{api.port}{POD_PATH}: ")
    assert 2 < api.count(POD_PATH) < 10


def test_a_server_that_asks_for_patience_gets_it(api, tmp_path):
    api.answers[POD_PATH] = once(lambda headers: status(429, "too many", Retry_After="1"),
                                 api.answers[POD_PATH])
    code, _ = run(api, tmp_path)
    assert (code, api.count(POD_PATH)) == (241, 2)


def test_but_not_for_ever_either(api, tmp_path):
    api.answers[POD_PATH] = lambda headers: status(503, "not now", Retry_After="0")
    code, told = run(api, tmp_path)
    assert code == 240
    assert "not now" in told
    assert 2 < api.count(POD_PATH) < 10


def test_a_server_that_closes_after_each_answer(api, tmp_path):
    inner = dict(api.answers)
    for path in inner:
        api.answers[path] = lambda headers, path=path: inner[path](headers).replace(
            b"\r\n", b"\r\nConnection: close\r\n", 1)
    code, told = run(api, tmp_path)
    assert (code, "no port-forward for you" in told) == (241, True)


def test_the_way_to_the_agent_is_asked_for_once(api, tmp_path):
    api.answers[FORWARD_PATH] = drop
    code, _ = run(api, tmp_path)
    assert code == 240
    assert api.count(FORWARD_PATH) == 1


@pytest.mark.parametrize("path", [POD_PATH, FORWARD_PATH])
def test_a_server_that_does_not_answer(api, tmp_path, path):
    api.answers[path] = api.hang
    code, told = run(api, tmp_path, "--request-timeout", "500ms")
    assert code == 240
    assert "hint: " in told


def test_a_server_that_does_not_even_speak_tls(tmp_path):
    with ApiStandIn(tmp_path, has_tls=False) as api:
        code, told = run(api, tmp_path, "--request-timeout", "500ms")
    assert code == 240
    assert "TLS with localhost: no answer in time" in told


def test_an_agent_that_does_not_answer_behind_the_port_forward(api, tmp_path):
    api.answers[FORWARD_PATH] = lambda headers: upgrade(headers, *FIRST)
    code, told = run(api, tmp_path, "--request-timeout", "1s")
    assert code == 243
    assert "TLS with ns-debug-agent: no answer in time" in told


def test_nobody_listens_behind_the_port_forward(api, tmp_path):
    why = b"error forwarding port 8443 to pod: connection refused"
    api.answers[FORWARD_PATH] = lambda headers: upgrade(headers, *FIRST, b"\1" + why)
    code, told = run(api, tmp_path)
    assert code == 243
    assert why.decode() in told


@pytest.mark.parametrize("body, code", [
    ({"kind": "Pod"}, 240), ([], 240), ({**POD, "spec": {"containers": 7}}, 242),
])
def test_an_answer_that_makes_no_sense(api, tmp_path, body, code):
    api.answers[POD_PATH] = lambda headers: answer(200, body)
    assert run(api, tmp_path)[0] == code


@pytest.mark.parametrize("http_status, code", [
    (401, 241), (403, 241), (404, 242), (410, 242), (500, 240), (502, 240), (504, 240),
])
def test_each_status(api, tmp_path, http_status, code):
    api.answers[POD_PATH] = lambda headers: status(http_status, "words of the server")
    got, told = run(api, tmp_path)
    assert got == code, told
    assert told.startswith("error: words of the server\nhint: ")


@pytest.mark.parametrize("user, why", [
    ({"username": "u", "password": TOKEN}, "signs in with a password, which no agent can check"),
    ({}, "has no credentials"),
    ({"token": TOKEN, "as": "root"}, "impersonat"),
])
def test_users_that_no_agent_can_check(api, tmp_path, user, why):
    code, told = run(api, tmp_path, user=user)
    assert code == 245
    assert why in told
    assert api.requests == []


def test_no_credentials_go_to_a_server_without_tls(api, tmp_path):
    code, told = run(api, tmp_path, server=f"http://localhost:{api.port}")
    assert code == 245
    assert "credentials only go to https" in told
    assert api.requests == []


def test_a_certificate_that_is_none(api, tmp_path):
    for name in ("certificate", "key"):
        (tmp_path / name).write_text("no PEM")
    code, told = run(api, tmp_path, user={"client-certificate": str(tmp_path / "certificate"),
                                          "client-key": str(tmp_path / "key")})
    assert code == 245
    assert "error: " in told and "PEM" in told


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL,
                   capture_output=True)


def sign(folder: pathlib.Path, name: str, by: str, extensions: str) -> None:
    """NAME.crt and NAME.key, by another of them."""
    (folder / "extensions").write_text(extensions)
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key", "-out",
            f"{folder}/{name}.csr")
    openssl("x509", "-req", "-days", "2", "-in", f"{folder}/{name}.csr", "-CA",
            f"{folder}/{by}.crt", "-CAkey", f"{folder}/{by}.key", "-CAcreateserial", "-extfile",
            f"{folder}/extensions", "-out", f"{folder}/{name}.crt")


def test_an_intermediate_authority_is_one_as_for_kubectl(tmp_path):
    """A kubeconfig may name it without the root above it."""
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=root", "-keyout", f"{tmp_path}/root.key", "-out",
            f"{tmp_path}/root.crt")
    sign(tmp_path, "middle", "root", "basicConstraints=critical,CA:TRUE\n")
    sign(tmp_path, "other", "root", "basicConstraints=critical,CA:TRUE\n")
    sign(tmp_path, "server", "middle", "subjectAltName=DNS:localhost\n")
    with ApiStandIn(tmp_path) as api:
        api.show(tmp_path / "server.crt", tmp_path / "server.key")
        api.certificate = tmp_path / "middle.crt"
        code, told = run(api, tmp_path)
        assert (code, "no port-forward for you" in told) == (241, True), told
        api.certificate = tmp_path / "other.crt"
        code, told = run(api, tmp_path)
        assert (code, "certificate" in told) == (245, True), told


PLUGIN = """#!/bin/sh
echo x >> "$0.runs"
printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":'
printf '{"token":"t%s","expirationTimestamp":"%s"}}' $(wc -l < "$0.runs") "$EXPIRES"
"""


@pytest.mark.parametrize("expires, rejected", [("2001-01-01T00:00:00Z", []),
                                               ("2200-01-01T00:00:00Z", ["Bearer t1"])])
def test_a_run_may_outlast_a_credential(api, tmp_path, expires, rejected):
    """The plugin runs again for the next target, when its answer has expired or was refused."""
    plugin = tmp_path / "plugin"
    plugin.write_text(PLUGIN)
    plugin.chmod(0o755)
    names = ["web-1", "web-2", "web-3"]
    api.answers["/api/v1/namespaces/default/pods"] = lambda headers: answer(
        200, {"kind": "PodList", "items": [{**POD, "metadata": {**POD["metadata"], "name": name}}
                                           for name in names]})
    seen = []

    def refuse(headers):
        token = headers["authorization"]
        seen.append(token)
        return status(401, "who?") if token in rejected else status(403, "no port-forward for you")

    api.answers[FORWARD_PATH] = refuse
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin),
                     "interactiveMode": "Never", "env": [{"name": "EXPIRES", "value": expires}]}}
    file = kubeconfig(tmp_path, f"https://localhost:{api.port}", api.certificate, user)
    done = end(tmp_path, "--kubeconfig", file, "--all-pods", "--max-parallel", "1", "--", "true")
    assert done.returncode == 247, done.stderr
    assert len(seen) == len(names)
    if rejected:
        assert seen == ["Bearer t1", "Bearer t2", "Bearer t2"]
    else:
        assert len(set(seen)) == len(names)


@pytest.mark.parametrize("verb", [["ls"], ["sessions"], ["version"], ["sessions", "end", "0a"]])
def test_a_refused_port_forward_is_a_refusal_for_every_verb(api, tmp_path, verb):
    file = kubeconfig(tmp_path, f"https://localhost:{api.port}", api.certificate, {"token": TOKEN})
    done = end(tmp_path, "--kubeconfig", file, *verb)
    assert done.returncode == 241
    assert b"no port-forward for you" in done.stdout + done.stderr


@pytest.mark.parametrize("verb", [["explain", "web"], ["sessions"]])
def test_an_agent_that_does_not_answer_a_verb(api, tmp_path, verb):
    api.answers["/apis/"] = api.hang
    done = end(tmp_path, "--agent", f"https://localhost:{api.port}", "--agent-ca",
               str(api.certificate), "--token", TOKEN, "--request-timeout", "500ms", *verb)
    assert done.returncode == 246
    assert b"hint: ask again, with a longer --request-timeout" in done.stderr


def test_a_name_server_that_does_not_answer(api, tmp_path):
    file = kubeconfig(tmp_path, "https://api.example:6443", api.certificate, {"token": TOKEN})
    begin = time.monotonic()
    done = end(tmp_path, "--kubeconfig", file, "--request-timeout", "500ms", "web", "--", "true",
               before=("unshare", "--mount", "--net", sys.executable, "-B", str(NAME_SERVER)))
    assert done.returncode == 240, done.stderr
    assert b"connect to api.example port 6443: no answer within 0.5 s" in done.stderr
    # The resolver itself gives up much later.
    assert time.monotonic() - begin < 20


def test_the_machines_configuration_of_openssl_is_not_ours(api, tmp_path):
    """It is for the machine's own OpenSSL, and may forbid or load what it likes."""
    path = tmp_path / "openssl.cnf"
    path.write_text("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
                    "[c]\nMaxProtocol = TLSv1.1\n")
    code, told = run(api, tmp_path, OPENSSL_CONF=str(path))
    assert (code, "no port-forward for you" in told) == (241, True)


def test_the_log_has_no_credentials(api, tmp_path):
    _, told = run(api, tmp_path, "-v=9")
    assert "Authorization: <masked>" in told
    assert f'verb="GET" url="https://localhost:{api.port}{POD_PATH}" status="200 Whatever"' in told
    assert '"Response Body"' in told
    for level, words in {"5": [], "6": ['"Response"'], "7": ['"Request"', "User-Agent"]}.items():
        _, told = run(api, tmp_path, f"--v={level}")
        assert all(word in told for word in words)
        assert ("request_log" in told) == bool(words)


@pytest.mark.parametrize("timeout", ["1x", "-1s", "s", "1 s", "99999999h"])
def test_what_is_no_time(api, tmp_path, timeout):
    code, told = run(api, tmp_path, f"--request-timeout={timeout}")
    assert code == 1
    assert "--request-timeout" in told
    assert api.requests == []
