"""The agent's description of its API, against its routes and against its real answers."""

import asyncio
import re

import jsonschema
import pytest
import websockets
from agent import API, NODE, TOKEN, Agent
from conftest import BUILD_DIR, ROOT

_ROUTE = re.compile(r'Route\{Endpoint::\w+,\s*"(\w+)",\s*NS_DEBUG_API\s+"([^"]+)"')


@pytest.fixture(scope="module")
def agent(bed):
    with Agent(BUILD_DIR, bed.endpoint) as one:
        yield one


@pytest.fixture(scope="module")
def document(agent) -> dict:
    return agent.call("GET", f"{API}/openapi/v3").json()


def conforms(document: dict, schema: str, value: dict) -> None:
    """Fails when the value is not what the description says, unknown members included."""
    # These two are parts of others, which have more.
    open_ones = ("Container", "Entry")
    schemas = {name: {**one, "unevaluatedProperties": False}
               if one.get("type") == "object" and name not in open_ones else one
               for name, one in document["components"]["schemas"].items()}
    jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": schemas}},
    ).validate(value)


def test_describes_every_route_of_ours_and_no_other(document):
    routes = {(method, path) for method, path in
              _ROUTE.findall((ROOT / "agent/server/route.cc").read_text())}
    described = {(method.upper(), path) for path, item in document["paths"].items()
                 for method in item if method in ("get", "post", "delete")}
    assert len(routes) > 5
    assert described == routes


@pytest.mark.parametrize("body", [
    {"command": ["sh", "-c", "echo out; echo err >&2"]},
    {"command": ["sh", "-c", "head -c 64 /dev/urandom"]},
    {"command": ["sh", "-c", "kill -9 $$"]},
    {"command": ["sleep", "60"], "timeoutSeconds": 1},
    {"command": ["/nonexistent"]},
    {"command": ["seq", "1000"], "maxOutputBytes": 10},
    {"command": ["cat"], "stdin": "x", "view": "container"},
])
def test_a_one_shot_exec_is_as_described(agent, document, body):
    conforms(document, "ExecRequest", body)
    answer = agent.call("POST", f"{API}/namespaces/shop/pods/web/exec", body)
    assert answer.status == 200, answer
    conforms(document, "ExecResult", answer.json())


def test_an_exec_on_the_node_is_as_described(agent, document):
    answer = agent.call("POST", f"{API}/nodes/{NODE}/exec", {"command": ["true"]})
    assert answer.status == 200, answer
    conforms(document, "ExecResult", answer.json())


@pytest.mark.parametrize("path, schema", [
    ("/pods", "PodList"), ("/namespaces/shop/pods", "PodList"),
    ("/namespaces/shop/pods/web", "PodExplanation"), ("/sessions", "SessionList"),
    ("/namespaces/shop/pods/web/access?stdout=true", "AccessExplanation"),
    (f"/nodes/{NODE}/access?stdout=true", "AccessExplanation"),
])
def test_what_is_read_is_as_described(agent, document, path, schema):
    answer = agent.call("GET", API + path)
    assert answer.status == 200, answer
    conforms(document, schema, answer.json())


def test_an_open_session_and_its_end_are_as_described(agent, document):
    async def run() -> tuple[dict, dict]:
        uri = (f"wss://localhost:{agent.port}{API}/namespaces/shop/pods/web/exec"
               "?command=cat&stdin=true&stdout=true")
        async with websockets.connect(
                uri, ssl=agent.tls(), subprotocols=["v5.channel.k8s.io"],
                extra_headers={"Authorization": f"Bearer {TOKEN}"}):
            sessions = agent.call("GET", f"{API}/sessions").json()
            end = agent.call("DELETE", f"{API}/sessions/{sessions['items'][0]['id']}")
            return sessions, end.json()

    sessions, end = asyncio.run(run())
    assert len(sessions["items"]) == 1
    conforms(document, "SessionList", sessions)
    conforms(document, "Status", end)


@pytest.mark.parametrize("method, path, token, status", [
    ("GET", "/pods", None, 401),
    ("GET", "/namespaces/shop/pods/none", TOKEN, 404),
    ("POST", "/namespaces/shop/pods/web/exec", TOKEN, 400),
    ("DELETE", "/sessions/none", TOKEN, 404),
])
def test_an_error_is_as_described(agent, document, method, path, token, status):
    answer = agent.call(method, API + path, token=token)
    assert answer.status == status
    conforms(document, "Status", answer.json())
