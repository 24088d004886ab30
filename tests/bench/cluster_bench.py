"""What ns-debug costs on a real cluster beside what is there already, in one run: the whole process
of `kubectl ns-debug pod/web -- true` against `kubectl exec` and `kubectl debug`; stdout through the
API server and straight from the agent against `kubectl exec` and `kubectl port-forward`; an idle
agent.

Prints a table of medians and their ratios; never passes or fails. Run by Debian's python3 as root,
in a PID namespace of its own: tests/integration/in_pid_namespace tests/bench/cluster_bench.py
[BUILD_DIR] [ROUNDS] [IDLE_SECONDS]
"""

import contextlib
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

import agent_pods  # noqa: E402
from agent_pods import NAMESPACE, Plugin, pod  # noqa: E402
from bed import image  # noqa: E402

STREAM_MIB = 256
STREAM_ROUNDS = 5
# Each leaves an ephemeral container in the pod, which nothing removes.
DEBUG_ROUNDS = 7
SOURCE = ["dd", "if=/dev/zero", "bs=64k", f"count={STREAM_MIB * 16}"]
SOURCE_PORT = 9000
AGENT_PORT = 8443


def milliseconds(command: list[str]) -> float:
    """How long the whole process takes."""
    start = time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - start) * 1000


def rate(command: list[str]) -> float:
    """MiB a second of a command that writes STREAM_MIB of them."""
    start = time.perf_counter()
    # A port-forward ends a second after one direction has: its stdin stays open.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        count = 0
        while data := os.read(process.stdout.fileno(), 1 << 20):
            count += len(data)
    elapsed = time.perf_counter() - start
    assert count == STREAM_MIB << 20, f"{command}: {count} bytes"
    return STREAM_MIB / elapsed


def medians(measure, commands: list[list[str]], rounds: int) -> list[float]:
    """Of commands that take turns, so that all see the same machine."""
    columns = zip(*([measure(command) for command in commands] for _ in range(rounds)))
    return [statistics.median(column) for column in columns]


def row(what: str, ours: str, theirs: str, ratio: float) -> None:
    """A line of the table."""
    print(f"| {what} | {ours} | {theirs} | {ratio:.2f} |", flush=True)


def start_up(plugin: Plugin, rounds: int) -> None:
    """`-- true` against kubectl's two ways."""
    ours = plugin.command("pod/web", "-n", "shop", "--", "true")
    same = plugin.command("pod/web", "-n", "shop", "--view", "container", "--", "true")
    exec_ = plugin.kubectl("exec", "web", "-n", "shop", "--", "true")
    debug = plugin.kubectl(
        "debug", "-q", "-i", "web", "-n", "shop", "--target=app", "--profile=general",
        f"--image={image.reference('busybox')}", "--image-pull-policy=Never", "--", "true")
    for command in (ours, same, exec_):
        milliseconds(command)
    toolbox_ms, container_ms, exec_ms = medians(milliseconds, [ours, same, exec_], rounds)
    row("`true` in the toolbox view, `kubectl exec`", f"{toolbox_ms:.0f} ms", f"{exec_ms:.0f} ms",
        toolbox_ms / exec_ms)
    row("`true` in the container view, `kubectl exec`", f"{container_ms:.0f} ms",
        f"{exec_ms:.0f} ms", container_ms / exec_ms)
    box_ms, debug_ms = medians(milliseconds, [ours, debug], DEBUG_ROUNDS)
    row("`true` in the toolbox view, `kubectl debug --target`", f"{box_ms:.0f} ms",
        f"{debug_ms:.0f} ms", box_ms / debug_ms)


def streams(cluster, plugin: Plugin, direct: list[str]) -> None:
    """Bytes of one command's stdout by five ways."""
    through = plugin.command("web", "-n", "shop", "--view", "container", "--", *SOURCE)
    exec_ = plugin.kubectl("exec", "web", "-n", "shop", "--", *SOURCE)
    with forwarded(cluster, plugin) as raw:
        ours, theirs, limit, straight = medians(rate, [through, exec_, raw, direct], STREAM_ROUNDS)
    row("stdout, `kubectl exec`", f"{ours:.0f} MiB/s", f"{theirs:.0f} MiB/s", ours / theirs)
    row("stdout, raw `kubectl port-forward`", f"{ours:.0f} MiB/s", f"{limit:.0f} MiB/s",
        ours / limit)
    row("stdout straight from the agent, `kubectl exec`", f"{straight:.0f} MiB/s",
        f"{theirs:.0f} MiB/s", straight / theirs)


@contextlib.contextmanager
def forwarded(cluster, plugin: Plugin):
    """A command that reads the bytes from the pod's network, by kubectl's port-forward."""
    with subprocess.Popen(plugin.kubectl("port-forward", "source", "-n", "shop", f":{SOURCE_PORT}"),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as forward:
        try:
            port = re.search(rb"127.0.0.1:(\d+)", forward.stdout.readline())[1].decode()
            yield ["nsenter", f"--net={cluster.network_namespace}", "busybox", "nc",
                   "127.0.0.1", port]
        finally:
            forward.kill()


def agent_process() -> int:
    """The agent of this cluster; there is no other in the PID namespace."""
    for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if path.read_text().strip() == "ns-debug-agent":
                return int(path.parent.name)
    raise AssertionError("no agent runs")


def straight(cluster, plugin: Plugin, pid: int) -> list[str]:
    """The plugin beside the agent: without an API server between."""
    found = cluster.control_plane.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/ns-debug-ca")
    ca = cluster.folder / "agent-ca.crt"
    ca.write_text(found["data"]["ca.crt"])
    command = plugin.command("--agent", f"https://localhost:{AGENT_PORT}", "--agent-ca", str(ca),
                             "web", "-n", "shop", "--view", "container", "--", *SOURCE)
    return [f"--net=/proc/{pid}/ns/net" if word.startswith("--net=") else word for word in command]


def idle(pid: int, seconds: int) -> None:
    """Memory of an agent that nobody asks for anything, and the processor time that it takes."""
    def ticks() -> int:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(seconds)
    used = (ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    resident, private = (
        sum(int(kib) for kib in re.findall(rf"^{name}: +(\d+)", rollup, re.MULTILINE)) / 1024
        for name in ("Rss", "Private_(?:Clean|Dirty)"))
    print(f"the agent, idle for {seconds} s after that: {resident:.1f} MiB resident, of them "
          f"{private:.1f} MiB its own; {used:.2%} of a processor")


def main() -> None:
    build_dir = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release").resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    idle_seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    with agent_pods.cluster_with_agent(build_dir) as cluster:
        serve = f"while true; do {' '.join(SOURCE)} 2>/dev/null | nc -l -p {SOURCE_PORT}; done"
        cluster.apply(pod("web", {"name": "app"}))
        cluster.apply(pod("source", {"name": "app", "command": ["sh", "-c", serve]}))
        for name in ("web", "source"):
            cluster.wait_for_pod("shop", name)
        admin = Plugin(cluster, build_dir, cluster.admin)
        print("| what, against what | ns-debug | the other | ratio |\n|---|---|---|---|")
        start_up(admin, rounds)
        pid = agent_process()
        streams(cluster, admin, straight(cluster, admin, pid))
        idle(pid, idle_seconds)


if __name__ == "__main__":
    main()
