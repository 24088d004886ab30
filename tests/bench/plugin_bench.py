"""What the plugin costs, in one run: the whole process of `kubectl ns-debug pod/web -- true` against
`kubectl exec web -- true` on the same cluster, what of that is the network's, and stdout through
the API server against kubectl's.

Prints medians and their ratios; never passes or fails. Run by Debian's python3 as root, in a PID
namespace of its own: tests/integration/in_pid_namespace tests/bench/plugin_bench.py
[BUILD_DIR] [ROUNDS]
"""

import pathlib
import re
import statistics
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

import agent_pods  # noqa: E402
from agent_pods import Plugin, pod  # noqa: E402

STREAM_MIB = 256
DELAY_MS = 20


def milliseconds(command: list[str]) -> float:
    """How long the whole process takes."""
    start = time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - start) * 1000


def alternate(first: list[str], second: list[str], rounds: int) -> tuple[float, float]:
    """Medians of two commands that take turns, so that both see the same machine."""
    times = [(milliseconds(first), milliseconds(second)) for _ in range(rounds)]
    return tuple(statistics.median(column) for column in zip(*times))


def round_trips(plugin: Plugin, *arguments: str) -> list[str]:
    """What had to wait for the other side, one after the other."""
    told = plugin.run("-v=6", *arguments).stderr
    return re.search(r'"Round trips" sequential=\d+ were="(.*)"', told)[1].split(", ")


def throughput(command: list[str]) -> float:
    """MiB a second of a command that writes STREAM_MIB of them."""
    start = time.perf_counter()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True)
    assert len(done.stdout) == STREAM_MIB << 20
    return STREAM_MIB / (time.perf_counter() - start)


def delay(cluster, milliseconds_each_way: float) -> bool:
    """Latency on the loopback device of the cluster's network, which local addresses go through;
    false where the kernel has no netem."""
    done = subprocess.run(cluster.control_plane.network.command(
        "tc", "qdisc", "replace", "dev", "lo", "root", "netem", "delay",
        f"{milliseconds_each_way}ms"), stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def compare(plugin: Plugin, rounds: int) -> None:
    mine = plugin.command("pod/web", "-n", "shop", "--view", "container", "--", "true")
    theirs = plugin.kubectl("exec", "web", "-n", "shop", "--", "true")
    nobody = plugin.command("--version")
    for command in (mine, theirs):
        milliseconds(command)
    mine_ms, theirs_ms = alternate(mine, theirs, rounds)
    start_ms = statistics.median(milliseconds(nobody) for _ in range(rounds))
    print(f"kubectl ns-debug web -- true: {mine_ms:.1f} ms: {mine_ms / theirs_ms:.2f} of kubectl "
          f"exec ({theirs_ms:.1f} ms); the process alone {start_ms:.1f} ms")
    toolbox = plugin.command("pod/web", "-n", "shop", "--", "true")
    box_ms, again_ms = alternate(toolbox, theirs, rounds)
    print(f"the same in the toolbox: {box_ms:.1f} ms: {box_ms / again_ms:.2f} of kubectl exec")


def main() -> None:
    build_dir = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release").resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    with agent_pods.cluster_with_agent(build_dir) as cluster:
        cluster.apply(pod("web", {"name": "app"}))
        cluster.wait_for_pod("shop", "web")
        ann = Plugin(cluster, build_dir, cluster.control_plane.kubeconfig("ann", "ann"))
        admin = Plugin(cluster, build_dir, cluster.admin)
        trips = round_trips(ann, "web", "-n", "shop", "--", "true")
        print(f"{len(trips)} round trips follow one another: {', '.join(trips)}")
        # kubectl exec needs a right of its own, which ann does not have.
        compare(admin, rounds)
        source = ["dd", "if=/dev/zero", "bs=1M", f"count={STREAM_MIB}"]
        mine = throughput(admin.command("web", "-n", "shop", "--view", "container", "--", *source))
        theirs = throughput(admin.kubectl("exec", "web", "-n", "shop", "--", *source))
        print(f"stdout through the API server: {mine:.0f} MiB/s: {mine / theirs:.2f} of kubectl "
              f"exec ({theirs:.0f} MiB/s)")
        if not delay(cluster, DELAY_MS / 2):
            print("no latency can be added: the kernel has no netem")
            return
        print(f"with {DELAY_MS} ms of latency on each round trip, at the least "
              f"{len(trips) * DELAY_MS} ms and those behind the API server:")
        compare(admin, max(rounds // 4, 5))


if __name__ == "__main__":
    main()
