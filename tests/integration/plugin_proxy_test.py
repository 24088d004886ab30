"""kubectl ns-debug through proxies: a command in a pod comes through each kind, the environment
decides as it does for kubectl, and nobody is told the proxy's password."""

import contextlib
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading

import agent_pods
import pytest
from agent_pods import Plugin, pod
from bed.deadline import wait_until
from conftest import BUILD_DIR

PROXY = pathlib.Path(__file__).parent / "programs" / "proxy.py"
CREDENTIALS = "user:a-password-of-a-proxy"
BULK = 20 << 20
# Longer than the plugin takes to notice a dead path.
DEAD = 60
PASSWORD = CREDENTIALS.split(":")[1]


@pytest.fixture(scope="module", name="cluster")
def cluster_fixture():
    with agent_pods.cluster_with_agent(BUILD_DIR) as running:
        running.apply(pod("web", {"name": "app"}))
        running.wait_for_pod("shop", "web")
        yield running


class Proxy:
    """proxy.py in the cluster's network; `told` is what it has said of its clients so far."""

    def __init__(self, cluster, kind: str, credentials: str, log: pathlib.Path):
        certificate = cluster.control_plane.serving_certificate(
            f"proxy-{log.name}", ["127.0.0.1"], ["proxy"])
        self._log = log
        with open(log, "wb") as out:
            self.process = subprocess.Popen(
                cluster.control_plane.network.command(
                    sys.executable, "-B", str(PROXY), kind, credentials,
                    str(certificate.certificate), str(certificate.key)),
                stdout=out, stdin=subprocess.DEVNULL)
        wait_until(self._lines, 20, "the proxy listens")
        self.port = int(self._lines()[0])

    def told(self) -> list[str]:
        return self._lines()[1:]

    def _lines(self) -> list[str]:
        return self._log.read_text().splitlines()


@contextlib.contextmanager
def proxy(cluster, kind: str, folder: pathlib.Path, credentials: str = ""):
    one = Proxy(cluster, kind, credentials, folder / f"{kind}.log")
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()


def with_proxy_url(ann, url: str) -> Plugin:
    """The same user, with a proxy-url in the kubeconfig."""
    config = json.loads(ann.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["proxy-url"] = url
    path = ann.cluster.folder / "proxied.kubeconfig"
    path.write_text(json.dumps(config))
    return Plugin(ann.cluster, BUILD_DIR, path)


HOSTNAME = ("web", "-n", "shop", "--", "hostname")


@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
@pytest.mark.parametrize("credentials", ["", CREDENTIALS])
def test_each_kind_of_proxy_url(cluster, ann, tmp_path, kind, credentials):
    with proxy(cluster, kind, tmp_path, credentials) as one:
        user = f"{credentials}@" if credentials else ""
        done = with_proxy_url(ann, f"{kind}://{user}127.0.0.1:{one.port}").run(
            "-v=9", *HOSTNAME)
        assert (done.code, done.stdout) == (0, b"web\n"), done.stderr
        server = cluster.control_plane.server.removeprefix("https://")
        assert one.told() == [f"{kind} {server} ok"]
    assert PASSWORD not in done.stderr


@pytest.mark.parametrize("kind, why", [
    ("http", "407 Proxy Authentication Required"),
    ("socks5", "it refused the credentials"),
])
def test_a_proxy_that_refuses(cluster, ann, tmp_path, kind, why):
    with proxy(cluster, kind, tmp_path, CREDENTIALS) as one:
        done = with_proxy_url(ann, f"{kind}://user:{PASSWORD}-no@127.0.0.1:{one.port}").run(
            "-v=9", *HOSTNAME)
    assert done.code == 241
    assert f"proxy {kind}://127.0.0.1:{one.port} to" in done.stderr and why in done.stderr
    assert PASSWORD not in done.stderr


def test_nobody_is_the_proxy(ann):
    done = with_proxy_url(ann, f"http://{CREDENTIALS}@127.0.0.1:1").run(*HOSTNAME)
    assert done.code == 240
    assert "proxy: connect to 127.0.0.1 port 1" in done.stderr
    assert PASSWORD not in done.stderr


def test_another_kind_of_proxy_is_refused(ann):
    done = with_proxy_url(ann, f"ftp://{CREDENTIALS}@127.0.0.1:1").run(*HOSTNAME)
    assert done.code == 245 and "proxy" in done.stderr
    assert PASSWORD not in done.stderr


def test_loopback_needs_no_proxy(cluster, ann, tmp_path):
    config = json.loads(ann.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1"
    path = cluster.folder / "loopback.kubeconfig"
    path.write_text(json.dumps(config))
    with proxy(cluster, "http", tmp_path) as one:
        done = Plugin(cluster, BUILD_DIR, path).run(
            *HOSTNAME, HTTPS_PROXY=f"http://127.0.0.1:{one.port}")
        assert (done.code, done.stdout) == (0, b"web\n"), done.stderr
        assert one.told() == []


@pytest.mark.parametrize("variables, is_used", [
    ({"HTTPS_PROXY": "http://127.0.0.1:{port}"}, True),
    ({"https_proxy": "127.0.0.1:{port}"}, True),
    ({"HTTPS_PROXY": "http://127.0.0.1:{port}", "NO_PROXY": "10.0.0.0/8"}, False),
    ({"HTTPS_PROXY": "http://127.0.0.1:{port}", "no_proxy": "example.org, *"}, False),
    ({"HTTPS_PROXY": "http://127.0.0.1:{port}", "NO_PROXY": "example.org"}, True),
    ({"HTTP_PROXY": "http://127.0.0.1:{port}"}, False),
])
def test_the_environment_decides_as_for_kubectl(cluster, ann, tmp_path, variables, is_used):
    with proxy(cluster, "http", tmp_path) as one:
        filled = {name: value.format(port=one.port) for name, value in variables.items()}
        done = ann.run(*HOSTNAME, **filled)
        assert (done.code, done.stdout) == (0, b"web\n"), done.stderr
        assert bool(one.told()) == is_used
        # And kubectl itself, with the same.
        words = [f"{name}={value}" for name, value in filled.items()]
        command = ann.kubectl("get", "pod", "web", "-n", "shop")
        command[command.index("-i") + 1:command.index("-i") + 1] = words
        before = len(one.told())
        done = ann.end(command)
        assert done.code == 0, done.stderr
        assert (len(one.told()) > before) == is_used


def start(ann, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(ann.command(*arguments), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_path_that_dies_without_a_word_is_told_from_silence(cluster, ann, tmp_path):
    """Four at once, for each takes longer than silence may last: a path that is dead, for one
    command and for one of many, a stdout that nobody reads, and a command that does not read what
    it is given."""
    # More than all buffers on the way hold.
    slow = start(ann, "web", "-n", "shop", "--", "sh", "-c", f"yes | head -c {4 * BULK}")
    busy = start(ann, "-i", "web", "-n", "shop", "--", "sh", "-c", f"sleep {DEAD}; sha256sum")
    data = os.urandom(1 << 20) * (BULK >> 20)
    writer = threading.Thread(target=feed, args=(busy, data), daemon=True)
    writer.start()
    with proxy(cluster, "http", tmp_path) as one:
        proxied = with_proxy_url(ann, f"http://127.0.0.1:{one.port}")
        sleeps = ("-n", "shop", "--", "sh", "-c", "echo ready; exec sleep 86396")
        dead = start(proxied, "web", *sleeps)
        many = start(proxied, "--all-pods", *sleeps)
        assert dead.stdout.readline() == b"ready\n"
        assert many.stdout.readline() == b"shop/web ready\n"
        one.process.send_signal(signal.SIGSTOP)
        told = dead.communicate(timeout=2 * DEAD)[1]
        assert dead.returncode == 240
        assert b"no sign of life for 40 s" in told and b"hint: " in told
        told = many.communicate(timeout=DEAD)[1]
        assert many.returncode == 247
        assert b"shop/web error: " in told and b"no sign of life for 40 s" in told
    output, errors = slow.communicate(timeout=DEAD)
    assert (slow.returncode, output == b"y\n" * (2 * BULK)) == (0, True), errors
    writer.join(2 * DEAD)
    digest = busy.stdout.read()
    assert busy.wait(DEAD) == 0, busy.stderr.read()
    assert digest.split()[0].decode() == hashlib.sha256(data).hexdigest()
    busy.stdout.close()
    busy.stderr.close()


def feed(process: subprocess.Popen, data: bytes) -> None:
    # Of a plugin that ended early, its own words say more.
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(data)
        process.stdin.close()
