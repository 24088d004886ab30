"""ns-enter as an agent starts it: the plan over a socket, events back, the terminal by its master."""

import json
import os
import signal
import socket
import subprocess

import pytest

SPEC = {
    "view": "toolbox", "profile": "general", "capabilities": ["CAP_KILL"],
    "namespaces": ["net", "pid", "uts", "ipc"], "tools": "/", "command": ["true"],
    "environment": [], "joinTargetCgroup": False, "memoryBytes": 64 << 20, "pids": 32,
    "cpuMillis": 500, "cgroupParent": "/ns-debug", "deadlineMs": 0, "tty": False, "rows": 0,
    "columns": 0,
}
TARGET = {"runtime": "", "podNamespace": "", "podName": "", "containerName": "", "containerId": "",
          "processSpec": "", "note": "", "namespaces": [], "version": 1}


class Agent:
    """One ns-enter started with a plan."""

    def __init__(self, ns_enter: str, plan: bytes, fds: list[int]):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        self.process = subprocess.Popen(
            [ns_enter, "--plan-fd", str(theirs.fileno())], pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        theirs.close()
        socket.send_fds(self.socket, [plan], fds)

    def events(self) -> list[dict]:
        """All events until ns-enter closes the socket; descriptors are kept in `received`."""
        events, self.received = [], []
        while True:
            message, fds, _, _ = socket.recv_fds(self.socket, 65536, 4)
            if not message:
                return events
            self.received += fds
            events.append(json.loads(message))

    def end(self) -> tuple[int, bytes]:
        output, _ = self.process.communicate(timeout=20)
        self.socket.close()
        return self.process.returncode, output


@pytest.fixture
def target():
    process = subprocess.Popen(
        ["unshare", "-n", "-p", "-u", "-i", "-m", "-f", "--kill-child", "--mount-proc", "sh", "-c",
         "echo ready; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
        yield int(children.read().split()[0])
    process.stdin.close()
    process.wait(20)


def start(ns_enter: str, pid: int, **changes) -> Agent:
    pidfd = os.pidfd_open(pid)
    plan = {"version": 1, "session": {**SPEC, **changes}, "target": {**TARGET, "pid": pid}}
    agent = Agent(ns_enter, json.dumps(plan).encode(), [pidfd])
    os.close(pidfd)
    return agent


def test_tells_that_the_command_runs_and_how_it_ended(ns_enter, target):
    agent = start(ns_enter, target, command=["sh", "-c", "cat /proc/self/ns/net >/dev/null; "
                                                         "readlink /proc/self/ns/net; exit 7"])
    events = agent.events()
    code, output = agent.end()
    assert [event["event"] for event in events] == ["executed", "ended"]
    assert os.waitstatus_to_exitcode(events[1]["status"]) == 7
    assert events[1]["cause"] == "exit"
    assert code == 7
    assert output.decode().strip() == os.readlink(f"/proc/{target}/ns/net")


def test_reports_a_failure_as_data(ns_enter, target):
    agent = start(ns_enter, target, command=["/nonexistent"])
    events = agent.events()
    assert [event["event"] for event in events] == ["failed"]
    assert (events[0]["step"], events[0]["exitCode"]) == ("exec", 127)
    assert agent.end()[0] == 127


def test_the_session_ends_with_its_starter(ns_enter, target):
    agent = start(ns_enter, target, command=["sh", "-c", "echo up; exec sleep 1000"])
    assert agent.process.stdout.readline() == b"up\n"
    agent.socket.close()
    agent.process.wait(5)
    assert agent.process.returncode == -signal.SIGKILL
    agent.process.communicate()


def test_hands_the_terminal_over(ns_enter, target):
    agent = start(ns_enter, target, tty=True, rows=33, columns=77,
                  command=["sh", "-c", "stty size; tty"])
    events = agent.events()
    assert [event["event"] for event in events] == ["terminal", "executed", "ended"]
    text = b""
    try:
        while chunk := os.read(agent.received[0], 4096):
            text += chunk
    except OSError:
        pass  # EIO: the other end is closed
    assert text.split() == [b"33", b"77", b"/dev/pts/0"]
    agent.end()


def test_a_deadline_is_told(ns_enter, target):
    agent = start(ns_enter, target, deadlineMs=200, command=["sleep", "1000"])
    events = agent.events()
    assert (events[-1]["event"], events[-1]["cause"]) == ("ended", "deadline")
    assert agent.end()[0] == 124


@pytest.mark.parametrize("plan, why", [
    (b"not json", "malformed plan"),
    (b'{"version": 2, "session": {}, "target": {}}', "malformed plan"),
    (json.dumps({"version": 1, "session": {**SPEC, "extra": 1}, "target": {**TARGET, "pid": 0}})
     .encode(), "unknown fields"),
    (json.dumps({"version": 1, "session": {**SPEC, "profile": "god"},
                 "target": {**TARGET, "pid": 0}}).encode(), "unknown profile 'god'"),
    (json.dumps({"version": 1, "session": SPEC, "target": {**TARGET, "pid": 7}}).encode(),
     "the number of descriptors does not match"),
])
def test_refuses_what_it_does_not_know(ns_enter, plan, why):
    agent = Agent(ns_enter, plan, [])
    events = agent.events()
    assert [(event["event"], event["step"]) for event in events] == [("failed", "plan")]
    assert why in events[0]["message"]
    assert agent.end()[0] == 1
