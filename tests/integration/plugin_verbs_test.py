"""The plugin's verbs straight at an agent: explain, ls, sessions, version, auth can-i,
completion."""

import json
import os
import shutil
import subprocess

import pytest
import yaml
from agent import API, EVERYTHING, NODE, TOKEN, Agent
from bed import Containerd
from bed.deadline import wait_until
from conftest import BUILD_DIR, ROOT
from exec_stream import Stream

LOOKER = {"token": "a-token-of-somebody-who-may-look", "user": "looker",
          "rules": [{"verbs": ["get", "list"], "resources": ["pods"]}]}
ENTERER = {"token": "a-token-of-somebody-who-may-enter", "user": "enterer", "rules": [
    {"verbs": ["get", "list"], "resources": ["pods"]},
    {"verbs": ["create"], "resources": ["pods/exec"], "namespaces": ["shop"]},
    {"verbs": ["use"], "resources": ["profiles"], "names": ["general"], "namespaces": ["shop"]}]}
NOBODY = {"token": "a-token-of-who-may-nothing", "user": "nobody", "rules": []}
_SECONDS = 60


@pytest.fixture(scope="module")
def agent():
    with Containerd("2.1") as bed:
        bed.run_container(bed.run_pod("shop", "web"), "app", image="busybox")
        bed.run_container(bed.run_pod("bank", "vault"), "safe", image="busybox")
        tokens = [{"token": TOKEN, "user": "admin", "rules": EVERYTHING}, LOOKER, ENTERER, NOBODY]
        with Agent(BUILD_DIR, bed.endpoint, tokens=tokens) as one:
            yield one


def run(agent: Agent, *arguments: str, token: str = TOKEN):
    """The plugin's end, without a kubeconfig of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    return subprocess.run(
        [str(BUILD_DIR / "bin" / "kubectl-ns_debug"), "--agent", f"https://localhost:{agent.port}",
         "--agent-ca", str(agent.ca), "--server", "https://localhost:1", "--token", token,
         "-n", "shop", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS,
        env={**kept, "HOME": str(agent.path)}, check=False)


def output(agent: Agent, *arguments: str, token: str = TOKEN) -> str:
    """What it prints when all is well, and it says nothing else."""
    result = run(agent, *arguments, token=token)
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout


def test_explains_what_would_be_entered(agent):
    truth = agent.call("GET", f"{API}/namespaces/shop/pods/web").json()
    pid = truth["containers"][0]["pid"]
    text = output(agent, "explain", "web")
    assert f"pod shop/web on node {NODE}" in text
    row = next(line.split() for line in text.splitlines() if line.startswith("app "))
    shared = ",".join(one["kind"] for one in truth["containers"][0]["namespaces"]
                      if one["sharedWithNode"])
    assert row == ["app", "running", str(pid), "0:0", shared or "<none>", "yes"]
    assert text.endswith("May you? yes, with profile general\n")
    wide = output(agent, "explain", "pod/web", "-o", "wide")
    net = next(one["inode"] for one in truth["containers"][0]["namespaces"]
               if one["kind"] == "net")
    assert f"net:{net}" in wide


@pytest.mark.parametrize("form, read", [("json", json.loads), ("yaml", yaml.safe_load)])
def test_explains_for_programs(agent, form, read):
    document = read(output(agent, "explain", "web", "-o", form))
    truth = agent.call("GET", f"{API}/namespaces/shop/pods/web").json()
    assert document.pop("access")["allowed"] is True
    assert document == truth


def test_explains_a_node(agent):
    text = output(agent, "explain", f"node/{NODE}")
    assert f"node {NODE}: its process 1" in text
    assert "May you? yes" in text


def test_lists_the_agent_and_the_pods_of_the_namespace(agent):
    text = output(agent, "ls")
    version = agent.call("GET", "/version").json()["gitVersion"]
    agents, pods = text.split("\n\n")
    assert agents.splitlines()[1].split() == [
        NODE, f"https://localhost:{agent.port}", version, "ready"]
    assert [line.split()[:5] for line in pods.splitlines()[1:]] == [
        [NODE, "shop", "web", "ready", "app(running)"]]
    everything = json.loads(output(agent, "ls", "-A", "-o", "json"))
    assert [(pod["namespace"], pod["name"], pod["node"]) for pod in everything["pods"]] == [
        ("bank", "vault", NODE), ("shop", "web", NODE)]


def test_lists_sessions_and_ends_one(agent):
    assert output(agent, "sessions") == "no open sessions\n"
    with Stream(agent, ["sh", "-c", "echo ready; exec sleep 1000"]) as stream:
        stream.wait_for(b"ready")
        listed = json.loads(output(agent, "sessions", "-o", "json"))["items"]
        assert [one["user"] for one in listed] == ["admin"]
        row = output(agent, "sessions").splitlines()[1]
        assert row.startswith(listed[0]["id"])
        assert row.endswith("sh -c echo ready; exec sleep 1000")
        wide = output(agent, "sessions", "-o", "wide").splitlines()
        assert "PROFILE" in wide[0] and " general " in wide[1]
        assert "is being ended" in output(agent, "sessions", "end", listed[0]["id"])
        assert stream.finish().status()["code"] == 409


def test_there_is_no_such_session(agent):
    result = run(agent, "sessions", "end", "0" * 32)
    assert result.returncode == 242
    assert f"no session {'0' * 32}" in result.stderr
    result = run(agent, "sessions", "end", "../pods")
    assert (result.returncode, result.stdout) == (1, "")
    assert "not the id of a session" in result.stderr


def test_versions(agent):
    version = agent.call("GET", "/version").json()["gitVersion"]
    text = output(agent, "version")
    assert text.startswith(f"client {version}\n")
    assert text.splitlines()[-1].split() == ["<none>", f"https://localhost:{agent.port}", version]
    document = yaml.safe_load(output(agent, "version", "-o", "yaml"))
    assert document["client"] == document["agents"][0]["version"] == version
    program = str(BUILD_DIR / "bin" / "kubectl-ns_debug")
    alone = subprocess.run([program, "version", "--client"], capture_output=True, text=True,
                           timeout=_SECONDS, check=False)
    assert (alone.returncode, alone.stdout) == (0, f"client {version}\n")


def test_what_one_may(agent):
    assert output(agent, "auth", "can-i", "web") == "yes, with profile general\n"
    assert output(agent, "auth", "can-i", "web", token=ENTERER["token"]) == (
        "yes, with profile general\n")


def rules(text: str) -> list[dict]:
    """The YAML behind the answer "no"."""
    first, _, rest = text.partition("\n")
    assert first == "no"
    return yaml.safe_load(rest)


def test_what_is_missing_is_what_has_to_be_granted(agent):
    result = run(agent, "auth", "can-i", "web", "--profile", "netadmin", token=ENTERER["token"])
    assert (result.returncode, result.stderr) == (241, "")
    assert rules(result.stdout) == [
        {"apiGroups": ["ns-debug.io"], "resources": ["profiles"], "resourceNames": ["netadmin"],
         "verbs": ["use"]}]
    result = run(agent, "auth", "can-i", "web", token=LOOKER["token"])
    assert [rule["resources"] for rule in rules(result.stdout)] == [["pods/exec"], ["profiles"]]
    assert "takes nodes/exec too" in result.stdout
    # Granted as it was printed, it is enough.
    granted = {"token": "a-token-of-whom-it-was-granted", "user": "granted", "rules": [
        {"verbs": rule["verbs"], "resources": rule["resources"], "namespaces": ["shop"],
         **({"names": rule["resourceNames"]} if "resourceNames" in rule else {})}
        for rule in rules(result.stdout)]}
    agent.write_tokens([{"token": TOKEN, "user": "admin", "rules": EVERYTHING}, LOOKER, ENTERER,
                        NOBODY, granted])
    wait_until(lambda: run(agent, "auth", "can-i", "web", token=granted["token"]).stdout
               == "yes, with profile general\n", _SECONDS, "the agent has read its tokens again")
    assert run(agent, "web", "--", "true", token=granted["token"]).returncode == 0


def test_a_namespace_of_the_node_is_asked_for_too(agent):
    result = run(agent, "auth", "can-i", "web", "--enter", "net", token=ENTERER["token"])
    assert result.returncode == 241
    assert rules(result.stdout) == [
        {"apiGroups": ["ns-debug.io"], "resources": ["nodes/exec"], "resourceNames": [NODE],
         "verbs": ["create"]}]
    assert "ClusterRole with a ClusterRoleBinding" in result.stdout
    assert output(agent, "auth", "can-i", "web", "--enter", "net").startswith("yes")


def test_whether_a_pod_is_there_is_told_to_who_may_enter_it(agent):
    there = run(agent, "auth", "can-i", "web", token=LOOKER["token"])
    elsewhere = run(agent, "auth", "can-i", "none", token=LOOKER["token"])
    assert there.stdout == elsewhere.stdout
    result = run(agent, "auth", "can-i", "none", token=ENTERER["token"])
    assert (result.returncode, result.stdout) == (242, "")
    assert "no pod shop/none" in result.stderr


@pytest.mark.parametrize("arguments, why", [
    (["explain"], "TARGET"),
    (["ls", "web"], "ls takes no TARGET"),
    (["web", "ls"], "ls takes no TARGET"),
    (["explain", "web", "--", "true"], "no command behind --"),
    (["explain", "web", "-o", "xml"], "expected wide, json or yaml, got 'xml'"),
    (["sessions", "end"], "ID"),
    (["auth"], "subcommand"),
    (["web", "-o", "wide", "--", "true"], "-o"),
    (["--", "true"], "TARGET is missing"),
    (["web", "-A", "--", "true"], "-A: only of ls"),
])
def test_arguments_that_make_no_sense(agent, arguments, why):
    result = run(agent, *arguments)
    assert (result.returncode, result.stdout) == (1, "")
    assert why in result.stderr


def test_a_refusal_says_what_to_do(agent):
    result = run(agent, "ls", token=NOBODY["token"])
    assert result.returncode == 241
    assert 'user "nobody" cannot list resource "pods"' in result.stdout
    result = run(agent, "sessions", token=LOOKER["token"])
    assert (result.returncode, result.stdout) == (241, "")
    assert 'user "looker" cannot list resource "sessions"' in result.stderr
    result = run(agent, "explain", "none")
    assert result.returncode == 242
    assert "no pod shop/none" in result.stderr
    assert "kubectl get pods" in result.stderr


def environment(agent: Agent) -> dict[str, str]:
    """Of a shell in which the plugin is installed."""
    folder = agent.path / "path"
    folder.mkdir(exist_ok=True)
    for name, target in (("kubectl-ns_debug", BUILD_DIR / "bin" / "kubectl-ns_debug"),
                         ("kubectl_complete-ns_debug",
                          ROOT / "completions" / "kubectl_complete-ns_debug")):
        if not (folder / name).exists():
            (folder / name).symlink_to(target)
    return {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(agent.path)}


def reach(agent: Agent) -> list[str]:
    """The flags that lead to the agent, as words of a command line."""
    return ["--agent", f"https://localhost:{agent.port}", "--agent-ca", str(agent.ca), "--server",
            "https://localhost:1", "--token", TOKEN, "-n", "shop"]


def test_completes_words(agent):
    program = str(BUILD_DIR / "bin" / "kubectl-ns_debug")

    def ask(*words: str) -> list[str]:
        result = subprocess.run([program, "__complete", *reach(agent), *words],
                                capture_output=True, text=True, timeout=_SECONDS, check=False,
                                env=environment(agent))
        assert result.returncode == 0, result
        return result.stdout.splitlines()

    assert ask("w") == ["web", ":4"]
    assert ask("pod/") == ["pod/web", ":4"]
    assert {"explain", "sessions", "web"} <= set(ask(""))
    assert ask("explain", "") == ["web", ":4"]
    assert ask("auth", "can-i", "w") == ["web", ":4"]
    assert ask("web", "-c", "") == ["app", ":4"]
    assert ask("web", "--profile", "net") == ["netadmin", ":4"]
    assert ask("web", "--prof") == ["--profile", ":4"]
    assert ask("web", "--", "ls", "") == [":0"]
    assert ask("completion", "") == ["bash", "zsh", "fish", ":4"]


def test_completes_as_kubectl_asks_for_it(agent):
    result = subprocess.run(["kubectl_complete-ns_debug", *reach(agent), "w"], text=True,
                            capture_output=True, timeout=_SECONDS, check=True,
                            env=environment(agent))
    assert result.stdout == "web\n:4\n"


def test_completes_in_bash(agent):
    words = " ".join(f"'{word}'" for word in ["kubectl-ns_debug", *reach(agent), "web", "--vi"])
    script = f"""source <(kubectl-ns_debug completion bash) || exit 1
        COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _kubectl_ns_debug; printf '%s\\n' "${{COMPREPLY[@]}}"; complete -p kubectl-ns_debug"""
    result = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True,
                            timeout=_SECONDS, check=True, env=environment(agent))
    assert result.stdout == (
        "--view\ncomplete -o default -F _kubectl_ns_debug kubectl-ns_debug\n")


@pytest.mark.parametrize("shell, check", [("zsh", ["zsh", "-n"]), ("fish", ["fish", "-n"])])
def test_a_script_that_its_shell_can_read(agent, tmp_path, shell, check):
    script = tmp_path / "script"
    script.write_text(output(agent, "completion", shell))
    assert script.read_text() == (
        ROOT / "completions" / f"kubectl-ns_debug.{shell}").read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([*check, str(script)], check=True, timeout=_SECONDS)


def test_no_such_shell(agent):
    result = run(agent, "completion", "csh")
    assert (result.returncode, result.stdout) == (1, "")
    assert "expected bash, zsh or fish, got 'csh'" in result.stderr
