"""Open sessions: listed, ended, limited, recorded, and what becomes of them with the agent."""

import contextlib
import time

import pytest
from agent import API, EVERYTHING, TOKEN, Agent, make_certificate
from bed import Containerd
from bed.deadline import wait_until
from conftest import BUILD_DIR
from exec_stream import STDIN, Refused, Stream

GONE_SECONDS = 30
OTHER = "the-token-of-another-user"
TOKENS = [{"token": TOKEN, "user": "admin", "groups": ["ops"], "rules": EVERYTHING},
          {"token": OTHER, "user": "other", "rules": EVERYTHING}]
READY = "echo ready; exec sleep 1000"


@contextlib.contextmanager
def running_agent(bed: Containerd, **config):
    """An agent of two users, with the given sections of its configuration."""
    with Agent(BUILD_DIR, bed.endpoint, config, TOKENS) as one:
        yield one


@contextlib.contextmanager
def open_session(agent: Agent, word: str = "word", script: str = READY, **options):
    """A session whose command runs; `word` is the last of its arguments."""
    with Stream(agent, ["sh", "-c", script, word], **options) as stream:
        stream.wait_for(b"ready")
        yield stream


def sessions(agent: Agent) -> list[dict]:
    """What the agent lists."""
    return agent.call("GET", f"{API}/sessions").json()["items"]


def refusal(agent: Agent, token: str = TOKEN):
    """The answer to a session that is not opened."""
    with pytest.raises(Refused) as refused:
        Stream(agent, ["true"], token=token)
    return refused.value.answer


def test_lists_sessions_and_ends_one(bed):
    with running_agent(bed) as agent, open_session(agent, "one") as first, \
            open_session(agent, "two", token=OTHER) as second:
        first.send(STDIN, b"12345")
        wait_until(lambda: [one["bytesIn"] for one in sessions(agent) if one["user"] == "admin"]
                   == [5], GONE_SECONDS, "the bytes are counted")
        listed = {one["user"]: one for one in sessions(agent)}
        assert set(listed) == {"admin", "other"}
        assert listed["admin"]["pod"] == "web" and listed["admin"]["command"][-1] == "one"
        assert listed["admin"]["bytesOut"] == len("ready\n") and listed["admin"]["tty"] is False

        path = f"{API}/sessions/{listed['admin']['id']}"
        assert agent.call("DELETE", path).status == 200
        status = first.finish().status()
        assert status["status"] == "Failure" and "ended through" in status["message"]
        assert not first.processes() and second.processes()
        wait_until(lambda: len(sessions(agent)) == 1, GONE_SECONDS, "it is off the list")
        assert agent.call("DELETE", path).status == 404
        assert agent.closed("one")["cause"] == "ended by user"


def test_limits_sessions_of_a_user_and_of_the_node(bed):
    with running_agent(bed, session={"maxSessions": 3, "maxSessionsPerUser": 2}) as agent:
        with open_session(agent), open_session(agent) as second:
            answer = refusal(agent)
            assert answer.status == 429 and "maxSessionsPerUser" in answer.message()
            assert int(answer.headers["retry-after"]) > 0
            assert agent.exec("shop/web", ["true"]).status == 429
            with open_session(agent, token=OTHER):
                answer = refusal(agent, OTHER)
                assert answer.status == 429 and "maxSessions " in answer.message()
            second.close()
            wait_until(lambda: agent.exec("shop/web", ["true"]).status == 200, GONE_SECONDS,
                       "a place is free again")


def test_ends_sessions_that_are_idle(bed):
    with running_agent(bed, session={"idleTimeout": "2s"}) as agent, open_session(agent) as stream:
        status = stream.finish().status()
        assert status["code"] == 504 and "nothing went in or out" in status["message"]
        assert agent.closed("word")["cause"] == "idle" and not stream.processes()


def test_a_session_with_output_is_not_idle(bed):
    with running_agent(bed, session={"idleTimeout": "2s"}) as agent:
        script = "for i in 1 2 3 4 5 6; do sleep 0.7; echo $i; done"
        with Stream(agent, ["sh", "-c", script]) as stream:
            assert stream.finish().exit_code() == 0


def test_ends_sessions_that_last_too_long(bed):
    limits = {"maxDuration": "2s", "idleTimeout": "2s"}
    script = "echo ready; while :; do echo more; sleep 0.2; done"
    with running_agent(bed, session=limits) as agent, \
            Stream(agent, ["sh", "-c", script, "word"]) as stream:
        status = stream.finish().status()
        assert status["code"] == 504 and "time is over" in status["message"]
        assert agent.closed("word")["cause"] == "deadline" and not stream.processes()


def test_records_who_did_what_without_secrets(bed):
    with running_agent(bed) as agent:
        command = ["sh", "-c", "true", "--password=hunter2", "--token", "s3cret"]
        assert agent.exec("shop/web", command).status == 200
        assert agent.exec("shop/nowhere", ["true"]).status == 404
        assert agent.exec("shop/web", ["sh", "-c", "kill -KILL $$"]).status == 200
        opened, closed, denied, *_, killed = lines = agent.audit()
        assert [line["event"] for line in lines[:3]] == ["opened", "closed", "denied"]
        assert opened["session"] == closed["session"] and opened["user"] == "admin"
        assert (closed["exitCode"], closed["pod"], closed["groups"]) == (
            0, "web", ["ops", "system:authenticated"])
        assert denied["code"] == "NOT_FOUND" and "nowhere" in denied["reason"]
        assert killed["signal"] == "SIGKILL"
        written = agent.audit_path.read_text()
        assert "hunter2" not in written and "s3cret" not in written and TOKEN not in written
        assert TOKEN not in agent.log()


def test_opens_no_session_that_cannot_be_recorded(bed):
    with running_agent(bed, audit={"path": "/dev/full"}) as agent:
        answer = agent.exec("shop/web", ["true"])
        assert answer.status == 503 and "audit" in answer.message()
        assert refusal(agent).status == 503
        assert not sessions(agent) and not agent.cgroups()
    with running_agent(bed, audit={"path": "/dev/full", "failOpen": True}) as agent:
        assert agent.exec("shop/web", ["true"]).json()["exitCode"] == 0
        assert "audit" in agent.log()


def test_tells_sessions_that_it_stops(bed):
    with running_agent(bed) as agent, open_session(agent) as stream:
        start = time.monotonic()
        agent.process.terminate()
        status = stream.finish().status()
        assert status["code"] == 503 and "stopping" in status["message"]
        assert agent.process.wait(GONE_SECONDS) == 0 and time.monotonic() - start < 10
        assert not stream.processes()
        assert agent.closed("word")["cause"] == "agent stopping"


def test_stops_in_time_although_a_client_does_not_listen(bed):
    script = "trap '' TERM HUP; echo ready; yes; sleep 1000"
    with running_agent(bed, server={"stopGrace": "3s"}) as agent, \
            open_session(agent, script=script) as stream:
        start = time.monotonic()
        assert agent.stop() == 0 and time.monotonic() - start < 8
        wait_until(lambda: not stream.processes(), GONE_SECONDS, "the command is gone")


@pytest.mark.parametrize("tty", [False, True])
def test_nothing_stays_of_a_killed_agent(bed, tty):
    script = "trap '' TERM HUP; setsid sleep 1000 & echo ready; sleep 1000"
    with running_agent(bed) as agent, open_session(agent, script=script, tty=tty) as stream:
        wait_until(lambda: stream.processes() and agent.cgroups(), GONE_SECONDS, "it is seen")
        agent.process.kill()
        wait_until(lambda: not stream.processes(), GONE_SECONDS, "the command is gone")
        wait_until(lambda: not agent.cgroups(), GONE_SECONDS, "the cgroup is gone")


def metrics(agent: Agent) -> dict[str, float]:
    """The values of /metrics by their names and labels."""
    status, text = agent.health("/metrics")
    assert status == 200
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_counts_what_happens(bed):
    with running_agent(bed) as agent:
        assert agent.health("/readyz") == (200, "ok\n")
        with open_session(agent):
            assert metrics(agent)["ns_debug_sessions_open"] == 1
        assert agent.closed("word")
        agent.exec("shop/web", ["cat"], stdin="12345")
        agent.exec("shop/nowhere", ["true"])
        assert agent.call("GET", f"{API}/pods", headers={"X-Long": "x" * 40000}).status == 431
        told = metrics(agent)
        assert told['ns_debug_requests_total{code="431",method="any",route="none"}'] == 1
        assert (told["ns_debug_sessions_open"], told["ns_debug_sessions_total"]) == (0, 2)
        assert told['ns_debug_sessions_ended_total{cause="client gone"}'] == 1
        assert told['ns_debug_sessions_ended_total{cause="exit"}'] == 1
        assert told['ns_debug_session_bytes_total{direction="in"}'] == 5
        assert told['ns_debug_session_bytes_total{direction="out"}'] == 5 + len("ready\n")
        assert told["ns_debug_setup_seconds_count"] == 2
        assert told['ns_debug_denials_total{cause="NOT_FOUND"}'] == 1


def test_a_renewed_certificate_is_for_new_connections(bed):
    with running_agent(bed) as agent, open_session(agent, script="echo ready; cat") as stream:
        old = stream.socket.getpeercert(binary_form=True)
        make_certificate(agent.ca, agent.path / "tls.key")

        def renewed() -> bool:
            with contextlib.suppress(OSError):
                connection = agent.connect()
                try:
                    connection.connect()
                    return connection.sock.getpeercert(binary_form=True) != old
                finally:
                    connection.close()
            return False

        wait_until(renewed, GONE_SECONDS, "new connections get the new certificate")
        stream.send(STDIN, b"still here")
        stream.wait_for(b"still here")


def test_limits_the_rate_of_each_user(bed):
    with running_agent(bed, server={"requestsPerSecond": 1, "requestBurst": 5}) as agent:
        answers = [agent.call("GET", f"{API}/sessions") for _ in range(12)]
        limited = [one for one in answers if one.status == 429]
        assert limited and answers[0].status == 200 and "slow down" in limited[0].message()
        assert int(limited[0].headers["Retry-After"]) > 0
        assert agent.call("GET", f"{API}/sessions", token=OTHER).status == 200
