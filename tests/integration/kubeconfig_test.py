"""The plugin reads kubeconfig files as kubectl does: what the same files come to in both."""

import base64
import json
import os
import pathlib
import subprocess

import pytest
from bed import Unavailable
from cluster import fetch_kubectl
from conftest import BUILD_DIR

_SHOW = BUILD_DIR / "tests" / "kubeconfig_show"
_PEM = "-----BEGIN CERTIFICATE-----\n"
# Nobody listens there: kubectl gets as far as its configuration lets it.
_SERVER = "https://127.0.0.1:1"


@pytest.fixture(scope="module")
def kubectl() -> str:
    try:
        return str(fetch_kubectl())
    except Unavailable as error:
        pytest.skip(str(error))


class Files:
    """Kubeconfig files in a directory of their own, in the order of KUBECONFIG."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.paths: list[str] = []

    def add(self, text: str, name: str = "") -> str:
        path = self.folder / (name or f"config{len(self.paths)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.paths.append(str(path))
        return str(path)

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder / "home"),
                "KUBECONFIG": ":".join(self.paths)}

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([program, *arguments], env=self.environment(), cwd=self.folder,
                              capture_output=True, text=True, timeout=60)

    def shown(self, *flags: str) -> dict:
        result = self.run(str(_SHOW), *flags)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)


@pytest.fixture
def files(tmp_path) -> Files:
    return Files(tmp_path)


def _data(entry: dict, field: str) -> str:
    """What the *-data field holds, into which --flatten turns files."""
    return base64.b64decode(entry.get(field + "-data", "")).decode()


def _of_kubectl(kubectl: str, files: Files, *flags: str) -> dict:
    """The same as kubeconfig_show says, from `kubectl config view`."""
    result = files.run(kubectl, "config", "view", "--raw", "--minify", "--flatten", "-o", "json",
                       *flags)
    assert result.returncode == 0, result.stderr
    view = json.loads(result.stdout)
    context = view["contexts"][0]["context"]
    cluster = view["clusters"][0]["cluster"]
    user = (view["users"] or [{"user": {}}])[0]["user"]

    def resolved(path: str) -> str:
        """As kubectl does it when it uses the file: `config view` leaves these as they are."""
        return os.path.normpath(files.folder / path) if "/" in path else path

    return {
        "server": cluster["server"],
        "tls-server-name": cluster.get("tls-server-name", ""),
        "ca": _data(cluster, "certificate-authority"),
        "insecure": cluster.get("insecure-skip-tls-verify", False),
        "proxy-url": cluster.get("proxy-url", ""),
        "namespace": context.get("namespace", "default"),
        "context": view["current-context"],
        "cluster": context["cluster"],
        "user": context.get("user", ""),
        "token": user.get("token", ""),
        "tokenFile": resolved(user.get("tokenFile", "")),
        "certificate": _data(user, "client-certificate"),
        "key": _data(user, "client-key"),
        "exec": resolved(user.get("exec", {}).get("command", "")),
    }


def _one(cluster: str = f"server: {_SERVER}", user: str = "token: t", context: str = "") -> str:
    return f"""
clusters: [{{name: k, cluster: {{{cluster}}}}}]
users: [{{name: u, user: {{{user}}}}}]
contexts: [{{name: c, context: {{cluster: k, user: u{context}}}}}]
current-context: c
"""


_EXEC = "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: "
_DATA = base64.b64encode(_PEM.encode()).decode()

# One file each.
_SAME = {
    "plain": _one(),
    "namespace": _one(context=", namespace: shop"),
    "json": json.dumps({
        "clusters": [{"name": "k", "cluster": {"server": "https://a", "proxy-url": "http://p"}}],
        "contexts": [{"name": "c", "context": {"cluster": "k"}}], "current-context": "c"}),
    "data": _one(f"server: {_SERVER}, certificate-authority-data: {_DATA}",
                 f"client-certificate-data: {_DATA}, client-key-data: {_DATA}"),
    "relative": _one(f"server: {_SERVER}, certificate-authority: a.pem",
                     "client-certificate: ./sub/../a.pem, client-key: a.pem"),
    "token file": _one(user="tokenFile: sub/token"),
    "plugin by path": _one(user=f"exec: {{{_EXEC}./bin/plugin}}"),
    "plugin by name": _one(user=f"exec: {{{_EXEC}plugin}}"),
    "tls name": _one(f"server: {_SERVER}, tls-server-name: inner, insecure-skip-tls-verify: true"),
    "text that looks like more": _one(user="token: 12:30"),
    "a date": _one(user="token: 2026-01-02"),
    "aliases": "x: &k {server: 'https://a', tls-server-name: t}\n" + _one("<<: *k, server: https://b"),
    "unknown fields": "preferences: {colors: true}\nmine: [1]\n" + _one(f"server: {_SERVER}, x: 1"),
    "twice in a map": _one(user="token: a, Token: b, token: c"),
    "a second document": _one() + "---\ncurrent-context: other\n",
}


@pytest.mark.parametrize("text", _SAME.values(), ids=_SAME.keys())
def test_a_file_means_the_same(kubectl, files, text):
    (files.folder / "a.pem").write_text(_PEM)
    files.add(text)
    assert files.shown() == _of_kubectl(kubectl, files)


def test_files_merge_the_same(kubectl, files):
    files.add("users: [{name: u, user: {token: first}}]\n", "a/config")
    files.add(_one(user="token: second, username: me", context=", namespace: one"), "b/config")
    files.paths.append(str(files.folder / "none"))
    files.paths.append("")
    files.add("current-context: d\n"
              "contexts: [{name: c, context: {cluster: x}}, {name: d, context: {cluster: k}}]\n")
    assert files.shown() == _of_kubectl(kubectl, files)
    assert files.shown()["token"] == "first"
    assert files.shown("--context", "d") == _of_kubectl(kubectl, files, "--context", "d")


def test_the_explicit_file_is_the_only_one(kubectl, files):
    files.add(_one(user="token: other"))
    path = files.add(_one(user="token: explicit"), "sub/explicit")
    flags = ["--kubeconfig", path]
    assert files.shown(*flags) == _of_kubectl(kubectl, files, *flags)
    assert files.shown(*flags)["token"] == "explicit"


# What makes both refuse, before anything is sent.
_REFUSED = {
    "number for text": _one(user="token: 123"),
    "yes for text": _one(user="token: yes"),
    "octal for text": _one(user="token: 0o17"),
    "text for boolean": _one(f"server: {_SERVER}, insecure-skip-tls-verify: 'true'"),
    "no base64": _one(user="client-key-data: '*'"),
    "a name twice": "users: [{name: a}, {name: a}]\n",
    "another kind": "kind: Pod\n",
    "broken YAML": "users: [\n",
    "file and data": _one(f"server: {_SERVER}, certificate-authority: a.pem, "
                          f"certificate-authority-data: {_DATA}"),
    "authority and insecure": _one(f"server: {_SERVER}, insecure-skip-tls-verify: true, "
                                   f"certificate-authority-data: {_DATA}"),
    "token and password": _one(user="token: t, username: me"),
    "certificate without key": _one(user=f"client-certificate-data: {_DATA}"),
    "plugin without version": _one(user="exec: {command: x, interactiveMode: Never}"),
    "plugin without mode": _one(user=f"exec: {{{_EXEC.replace('interactiveMode: Never, ', '')}x}}"),
    "plugin and provider": _one(user=f"exec: {{{_EXEC}x}}, auth-provider: {{name: oidc}}"),
    "groups of nobody": _one(user="token: t, as-groups: [g]"),
    "proxy of another scheme": _one(f"server: {_SERVER}, proxy-url: 'ftp://x'"),
    "missing authority": _one(f"server: {_SERVER}, certificate-authority: none.pem"),
}


@pytest.mark.parametrize("text", _REFUSED.values(), ids=_REFUSED.keys())
def test_both_refuse(kubectl, files, text):
    (files.folder / "a.pem").write_text(_PEM)
    files.add(text)
    theirs = files.run(kubectl, "get", "--raw", "/")
    ours = files.run(str(_SHOW))
    assert theirs.returncode != 0 and "connection refused" not in theirs.stderr, theirs.stderr
    assert ours.returncode == 1, ours.stdout
