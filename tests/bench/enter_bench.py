"""How long entering takes: ns-enter against util-linux nsenter, in one run, alternating.

Prints medians and their ratio; never passes or fails. Usage: enter_bench.py [BUILD_DIR] [ROUNDS]
"""

import os
import statistics
import subprocess
import sys
import time

# Name, options of nsenter, options of ns-enter. The container view of a target that is no container
# joins the cgroups of whatever the target is in.
CASES = [
    ("-n -p", ["-n", "-p"], ["-n", "-p"]),
    ("-a", ["-a"], ["-a"]),
    ("toolbox view", ["-a"], ["--view", "toolbox"]),
    ("container view", ["-a"], ["--view", "container"]),
]


def start_target() -> subprocess.Popen:
    """A process in fresh namespaces of every kind but user; ends when its stdin closes."""
    target = subprocess.Popen(
        ["unshare", "-m", "-u", "-i", "-n", "-p", "-C", "-f", "--kill-child", "--mount-proc",
         "sh", "-c", "echo ready; exec cat"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert target.stdout.readline() == b"ready\n"
    return target


def pid_inside(target: subprocess.Popen) -> int:
    """unshare's child, which is in the PID namespace."""
    with open(f"/proc/{target.pid}/task/{target.pid}/children", encoding="ascii") as children:
        return int(children.read().split()[0])


def run_once(command: list[str]) -> float:
    """Milliseconds from spawn to exit."""
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ)
    _, status = os.waitpid(pid, 0)
    elapsed = time.perf_counter() - start
    assert status == 0, f"{command} ended with {status}"
    return elapsed * 1000


def main() -> None:
    build = sys.argv[1] if len(sys.argv) > 1 else "build/release"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    programs = {"nsenter": "/usr/bin/nsenter", "ns-enter": f"{build}/bin/ns-enter"}
    target = start_target()
    try:
        pid = str(pid_inside(target))
        for name, *options in CASES:
            times: dict[str, list[float]] = {program: [] for program in programs}
            for _ in range(rounds):
                for (program, path), words in zip(programs.items(), options):
                    times[program].append(run_once([path, "-t", pid, *words, "/bin/true"]))
            median = {program: statistics.median(values) for program, values in times.items()}
            ratio = median["ns-enter"] / median["nsenter"]
            print(f"enter {name:14} nsenter {median['nsenter']:.2f} ms, "
                  f"ns-enter {median['ns-enter']:.2f} ms, ratio {ratio:.2f}")
    finally:
        target.stdin.close()
        target.wait()


if __name__ == "__main__":
    main()
