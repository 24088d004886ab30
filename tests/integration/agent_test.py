"""The agent's API: one-shot exec, explain, list, sessions, refusals."""

import pytest
from agent import API, NODE, Agent, ask
from bed import Containerd
from conftest import BUILD_DIR


@pytest.fixture(scope="module")
def bed():
    with Containerd("2.1") as one:
        pod = one.run_pod("shop", "web")
        one.run_container(pod, "app", image="busybox")
        yield one


@pytest.fixture(scope="module")
def agent(bed):
    with Agent(BUILD_DIR, bed.endpoint) as one:
        yield one


def test_runs_a_command_in_a_pod(agent):
    answer = agent.exec("shop/web", ["sh", "-c", "echo out; echo err >&2; exit 7"])
    result = answer.json()
    assert answer.status == 200, result
    assert (result["exitCode"], result["stdout"], result["stderr"]) == (7, "out\n", "err\n")
    assert result["target"]["pod"] == "web" and result["target"]["node"] == NODE
