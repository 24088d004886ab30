"""What entering costs: time of ns-enter against util-linux nsenter, in one run, alternating, and
the memory of a session's own processes.

ns-enter is measured where it can be written, as by hand, and on a read-only mount, as in an agent's
pod: there it need not execute itself once more. Before each run is a pause, as people make them: what
one leaves warm in the kernel must not serve the next.

Prints medians and their ratios; never passes or fails. Run it in mounts of its own, for that mount:
unshare --mount tests/bench/enter_bench.py [BUILD_DIR] [ROUNDS]
"""

import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import time

from read_only import read_only

# Longer than the kernel's RCU grace periods.
_PAUSE_SECONDS = 0.05

# Name, options of nsenter, options of ns-enter. The container view of a target that is no container
# joins the cgroups of whatever the target is in.
CASES = [
    ("-n -p", ["-n", "-p"], ["-n", "-p"]),
    ("-a", ["-a"], ["-a"]),
    ("toolbox view", ["-a"], ["--toolbox", "/"]),
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
    time.sleep(_PAUSE_SECONDS)
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ)
    _, status = os.waitpid(pid, 0)
    elapsed = time.perf_counter() - start
    assert status == 0, f"{command} ended with {status}"
    return elapsed * 1000


def status_words(pid: int, name: str) -> list[str]:
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(line for line in status if line.startswith(f"{name}:")).split()[1:]


def peak_memory(pid: int) -> int:
    """The most KiB that were resident of the process's present program."""
    return int(status_words(pid, "VmHWM")[0])


def memory_of_session(session: subprocess.Popen) -> dict[str, int]:
    """Of ns-enter, the guard and the init, while the command waits: all of them have done their
    work by then but the ending."""
    assert session.stdout.readline() == b"up\n"
    memory = {"ns-enter": peak_memory(session.pid)}
    with open(f"/proc/{session.pid}/task/{session.pid}/children", encoding="ascii") as children:
        for child in children.read().split():
            # The init is the one that has a number in the target's PID namespace too.
            name = "init" if len(status_words(int(child), "NSpid")) > 1 else "guard"
            memory[name] = peak_memory(int(child))
    session.stdin.close()
    assert session.wait() == 0
    session.stdout.close()
    return memory


COMMAND = ["/bin/sh", "-c", "echo up; exec cat"]


def session_by_options(ns_enter: str, pid: int, view: str) -> subprocess.Popen:
    return subprocess.Popen([ns_enter, "-t", str(pid), "--view", view, "--toolbox", "/", "--",
                             *COMMAND],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def session_by_plan(ns_enter: str, pid: int, view: str) -> subprocess.Popen:
    """As an agent starts it; our end of the socket has to stay open."""
    spec = {"view": view, "profile": "general", "capabilities": [],
            "namespaces": ["net", "pid", "uts", "ipc", "cgroup"], "tools": "/", "command": COMMAND,
            "environment": [], "joinTargetCgroup": False, "memoryBytes": 64 << 20, "pids": 32,
            "cpuMillis": 1000, "cgroupParent": "/ns-debug", "deadlineMs": 0, "tty": False,
            "rows": 0, "columns": 0}
    target = {"pid": pid, "runtime": "", "podNamespace": "", "podName": "", "containerName": "",
              "containerId": "", "processSpec": "", "note": "", "namespaces": [], "version": 1}
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    session = subprocess.Popen([ns_enter, "--plan-fd", str(theirs.fileno())],
                               pass_fds=[theirs.fileno()], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    theirs.close()
    pidfd = os.pidfd_open(pid)
    plan = {"version": 1, "session": spec, "target": target}
    socket.send_fds(ours, [json.dumps(plan).encode()], [pidfd])
    os.close(pidfd)
    session.agent = ours
    return session


def measure_memory(ns_enter: str, pid: int, rounds: int) -> None:
    for view in ("toolbox", "container"):
        for way, start in (("options", session_by_options), ("plan", session_by_plan)):
            runs = [memory_of_session(start(ns_enter, pid, view)) for _ in range(rounds)]
            told = ", ".join(f"{name} {statistics.median(run[name] for run in runs):.0f} KiB"
                             for name in ("ns-enter", "guard", "init"))
            print(f"peak memory {view:10}{way:8} {told}")


def measure_time(programs: dict[str, str], pid: str, rounds: int) -> None:
    for name, theirs, ours in CASES:
        times: dict[str, list[float]] = {program: [] for program in programs}
        for _ in range(rounds):
            for program, path in programs.items():
                words = theirs if program == "nsenter" else ours
                times[program].append(run_once([path, "-t", pid, *words, "/bin/true"]))
        median = {program: statistics.median(values) for program, values in times.items()}
        told = ", ".join(f"{program} {value:.2f} ms, ratio {value / median['nsenter']:.2f}"
                         for program, value in median.items() if program != "nsenter")
        print(f"enter {name:14} nsenter {median['nsenter']:.2f} ms; {told}")


def main() -> None:
    if os.path.samefile("/proc/self/ns/mnt", f"/proc/{os.getppid()}/ns/mnt"):
        sys.exit("enter_bench.py: run it with unshare --mount")
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    with read_only(build / "bin") as protected:
        measure(str(build / "bin" / "ns-enter"), str(protected / "ns-enter"), rounds)


def measure(writable: str, protected: str, rounds: int) -> None:
    programs = {"nsenter": "/usr/bin/nsenter", "ns-enter": writable, "read-only": protected}
    target = start_target()
    try:
        pid = pid_inside(target)
        measure_time(programs, str(pid), rounds)
        measure_memory(writable, pid, min(rounds, 20))
    finally:
        target.stdin.close()
        target.wait()


if __name__ == "__main__":
    main()
