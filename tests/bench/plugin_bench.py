"""What the plugin itself costs, in one run: the whole process of `kubectl ns-debug pod/web -- true`
through a stand-in for the API server to a real agent, without latency and with 20 ms on each round
trip. How many round trips follow one another, and how much time there is over their sum.

What it costs on a real cluster, beside kubectl's own ways, is in cluster_bench.py. Prints medians
and ratios; never passes or fails. Run by Debian's python3 as root, in a PID namespace of its own:
tests/integration/in_pid_namespace tests/bench/plugin_bench.py [BUILD_DIR] [ROUNDS]
"""

import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from latency_proxy import LatencyProxy  # noqa: E402
from route import kubeconfig, way_to_an_agent  # noqa: E402

LATENCY_MS = 20


class Run:
    """Runs of one command: milliseconds of the whole process, and of the processor."""

    def __init__(self, command: list[str]):
        self._command = command
        self.whole: list[float] = []
        self.processor: list[float] = []

    def once(self) -> None:
        """Adds one."""
        start = time.perf_counter()
        process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, env={"HOME": "/nonexistent"})
        _, status, usage = os.wait4(process.pid, 0)
        self.whole.append((time.perf_counter() - start) * 1000)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, f"{self._command}: {process.returncode}"
        self.processor.append((usage.ru_utime + usage.ru_stime) * 1000)

    def medians(self) -> tuple[float, float]:
        """Of the whole process and of the processor."""
        return statistics.median(self.whole), statistics.median(self.processor)


def round_trips(command: list[str]) -> list[str]:
    """What had to wait for the other side, one after the other."""
    done = subprocess.run([*command[:1], "-v=6", *command[1:]], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, env={"HOME": "/nonexistent"}, check=True)
    return re.search(r'"Round trips" sequential=\d+ were="(.*)"', done.stderr)[1].split(", ")


def main() -> None:
    build_dir = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release").resolve()
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    program = str(build_dir / "bin" / "kubectl-ns_debug")
    with (tempfile.TemporaryDirectory(prefix="ns-debug-bench-") as temporary,
          way_to_an_agent(build_dir, pathlib.Path(temporary)) as api,
          LatencyProxy(api.port, 0) as near, LatencyProxy(api.port, LATENCY_MS / 1000) as far):
        commands = []
        for proxy in (near, far):
            folder = pathlib.Path(temporary) / str(proxy.port)
            folder.mkdir()
            commands.append([program, "--kubeconfig", str(kubeconfig(api, folder, proxy.port)),
                             "pod/web", "--", "true"])
        trips = round_trips(commands[0])
        runs = [Run([program, "--version"]), *(Run(command) for command in commands)]
        # They take turns, so that all see the same machine.
        for _ in range(rounds):
            for run in runs:
                run.once()
    (alone_ms, alone_cpu), (near_ms, near_cpu), (far_ms, _) = (run.medians() for run in runs)
    least_ms = len(trips) * LATENCY_MS
    print(f"{len(trips)} round trips follow one another: {', '.join(trips)}")
    print(f"kubectl ns-debug --version: {alone_ms:.1f} ms, of the processor {alone_cpu:.1f} ms")
    print(f"kubectl ns-debug pod/web -- true: {near_ms:.1f} ms, of the processor {near_cpu:.1f} ms")
    print(f"with {LATENCY_MS} ms of latency: {far_ms:.1f} ms: {far_ms / least_ms:.2f} of the round "
          f"trips alone ({least_ms} ms), {far_ms - least_ms:.1f} ms over them; "
          f"{(far_ms - near_ms) / LATENCY_MS:.1f} round trips longer than without")


if __name__ == "__main__":
    main()
