"""Who may do what on an agent that asks a real API server, over a real containerd."""

import base64
import contextlib
import os
import signal
from typing import NamedTuple

import pytest
from agent import API, NODE, Agent, Answer, ask
from bed import Containerd, Unavailable
from bed.deadline import wait_until
from cluster import ApiError, Authority, Certificate, ControlPlane
from conftest import BUILD_DIR
from roles import Grant, account, authentication_reader, delegator, group, review_of, user

# For what the API server's watches, the agent's caches and its looks at files take together.
NOTICE_SECONDS = 40
# For the same, but of the client authorities, which the agent reads once a minute.
AUTHORITY_SECONDS = 120
LONG = {"tokenTTL": "1h", "allowedTTL": "1h", "deniedTTL": "1h"}
SHORT = {"tokenTTL": "1s", "allowedTTL": "1s", "deniedTTL": "1s"}

PROTOCOL = "v5.channel.k8s.io"
TOKEN_PROTOCOL = "base64url.bearer.authorization.k8s.io."
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}

# Where the API server publishes the authorities of client certificates.
AUTHORITIES = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
    "namespace": "kube-system", "name": "extension-apiserver-authentication"}}
AUTHORITIES_PATH = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
AUTHORITY_KEY = "client-ca-file"

# The frame that closes a WebSocket for no fault.
CLOSED = b"\x88\x02\x03\xe8"

SHOP = f"{API}/namespaces/shop/pods"
BANK = f"{API}/namespaces/bank/pods"
STOCK = "/api/v1/namespaces"
STREAM = "exec?command=true&stdout=true"

GRANTS = [
    Grant("see", [user("alice"), group("devs")], ["get", "list"], ["pods"], "shop"),
    Grant("enter", [user("alice"), user("erin"), group("devs"), account("shop", "robot")],
          ["create"], ["pods/exec"], "shop"),
    Grant("get", [account("shop", "bob"), account("shop", "fired")], ["get"], ["pods"], "shop"),
    Grant("tills", [group("system:serviceaccounts:till")], ["list"], ["pods"], "shop"),
    Grant("general", [user("alice"), group("devs"), account("shop", "robot")], ["use"],
          ["profiles"], names=["general"]),
    Grant("netadmin", [user("node-admin")], ["use"], ["profiles"], names=["netadmin"]),
    Grant("nodes", [user("node-admin"), user("sre")], ["create"], ["nodes/exec"], names=[NODE]),
    Grant("operate", [user("operator")], ["list", "delete"], ["sessions", "pods"]),
    # What lets kubectl exec, logs and get work elsewhere says nothing here.
    Grant("core", [user("kube")], ["*"], ["*"], api_group=""),
]

# The status of each request, for everyone. gone: a pod that is not there; hostpid: a pod with the
# node's PIDs; net: with profile netadmin.
#
# admin has system:masters, devs a group only, sre what devs have and nodes/exec; bob is a service
# account that may get pods; erin has no profile, kube all rights in all API groups but ours.
# The certificates foreign and expired, and the token other, for another audience, name somebody
# who could do all or some of it; the account fired was deleted.
PODS = """
            list list list explain explain explain once once once once    stream stream stream
            shop bank all  shop    bank    gone    shop bank net  hostpid shop   bank   net
nobody      401  401  401  401     401     401     401  401  401  401     401    401    401
admin       200  200  200  200     200     404     200  200  200  200     101    101    101
alice       200  403  403  200     403     404     200  403  403  403     101    403    403
devs        200  403  403  200     403     404     200  403  403  403     101    403    403
sre         200  403  403  200     403     404     200  403  403  200     101    403    403
bob         403  403  403  200     403     404     403  403  403  403     403    403    403
erin        403  403  403  403     403     403     403  403  403  403     403    403    403
kube        403  403  403  403     403     403     403  403  403  403     403    403    403
node-admin  403  403  403  403     403     403     403  403  403  403     403    403    403
operator    200  200  200  403     403     403     403  403  403  403     403    403    403
foreign     401  401  401  401     401     401     401  401  401  401     401    401    401
expired     401  401  401  401     401     401     401  401  401  401     401    401    401
garbage     401  401  401  401     401     401     401  401  401  401     401    401    401
fired       401  401  401  401     401     401     401  401  401  401     401    401    401
other       401  401  401  401     401     401     401  401  401  401     401    401    401
"""
POD_REQUESTS = {
    "list shop": ("GET", SHOP),
    "list bank": ("GET", BANK),
    "list all": ("GET", f"{API}/pods"),
    "explain shop": ("GET", f"{SHOP}/web"),
    "explain bank": ("GET", f"{BANK}/web"),
    "explain gone": ("GET", f"{SHOP}/gone"),
    "once shop": ("POST", f"{SHOP}/web/exec", {"command": ["true"]}),
    "once bank": ("POST", f"{BANK}/web/exec", {"command": ["true"]}),
    "once net": ("POST", f"{SHOP}/web/exec", {"command": ["true"], "profile": "netadmin"}),
    "once hostpid": ("POST", f"{SHOP}/hostpid/exec", {"command": ["true"]}),
    "stream shop": ("UPGRADE", f"{SHOP}/web/{STREAM}"),
    "stream bank": ("UPGRADE", f"{BANK}/web/{STREAM}"),
    "stream net": ("UPGRADE", f"{SHOP}/web/{STREAM}&profile=netadmin"),
}

# The same of the other routes. else: another node than the agent's; id: no session has it; way:
# another method than the path has. Stock clients exec by upgrade; by SPDY, which is not spoken,
# they are told so when they may exec.
REST = """
            node node node   node sess sess docs pod  pod  exec exec spdy api no   no
            once net  stream else list id   v3   shop bank shop bank shop v1  path way
nobody      401  401  401    401  401  401  401  401  401  401  401  401  401 401  401
admin       200  200  101    404  200  404  200  200  200  101  101  400  200 404  405
alice       403  403  403    403  403  403  200  200  403  101  403  400  200 404  405
devs        403  403  403    403  403  403  200  200  403  101  403  400  200 404  405
sre         200  403  403    403  403  403  200  200  403  101  403  400  200 404  405
bob         403  403  403    403  403  403  200  200  403  403  403  403  200 404  405
erin        403  403  403    403  403  403  200  403  403  403  403  403  200 404  405
kube        403  403  403    403  403  403  200  403  403  403  403  403  200 404  405
node-admin  403  200  101    403  403  403  200  403  403  403  403  403  200 404  405
operator    403  403  403    403  200  404  200  403  403  403  403  403  200 404  405
foreign     401  401  401    401  401  401  401  401  401  401  401  401  401 401  401
expired     401  401  401    401  401  401  401  401  401  401  401  401  401 401  401
garbage     401  401  401    401  401  401  401  401  401  401  401  401  401 401  401
fired       401  401  401    401  401  401  401  401  401  401  401  401  401 401  401
other       401  401  401    401  401  401  401  401  401  401  401  401  401 401  401
"""
OTHER_REQUESTS = {
    "node once": ("POST", f"{API}/nodes/{NODE}/exec", {"command": ["true"]}),
    "node net": ("POST", f"{API}/nodes/{NODE}/exec", {"command": ["true"], "profile": "netadmin"}),
    "node stream": ("UPGRADE", f"{API}/nodes/{NODE}/{STREAM}&profile=netadmin"),
    "node else": ("POST", f"{API}/nodes/node-2/exec",
                  {"command": ["true"], "profile": "netadmin"}),
    "sess list": ("GET", f"{API}/sessions"),
    "sess id": ("DELETE", f"{API}/sessions/no-such-session"),
    "docs v3": ("GET", f"{API}/openapi/v3"),
    "pod shop": ("GET", f"{STOCK}/shop/pods/web"),
    "pod bank": ("GET", f"{STOCK}/bank/pods/web"),
    "exec shop": ("UPGRADE", f"{STOCK}/shop/pods/web/{STREAM}"),
    "exec bank": ("UPGRADE", f"{STOCK}/bank/pods/web/{STREAM}"),
    "spdy shop": ("POST", f"{STOCK}/shop/pods/web/{STREAM}"),
    "api v1": ("GET", "/api/v1"),
    "no path": ("GET", f"{API}/secrets"),
    "no way": ("DELETE", SHOP),
}


def rows(table: str) -> dict[str, dict[str, int]]:
    """The table as statuses, by who asks and what for."""
    kinds, targets, *lines = (line.split() for line in table.strip().splitlines())
    columns = [f"{kind} {target}" for kind, target in zip(kinds, targets, strict=True)]
    return {who: {column: int(status) for column, status in zip(columns, statuses, strict=True)}
            for who, *statuses in lines}


class Caller(NamedTuple):
    """What somebody presents."""

    certificate: Certificate | None = None
    token: str | None = None


def send(agent: Agent, caller: Caller, method: str, path: str, body: dict | None = None,
         headers: dict | None = None) -> Answer:
    """One request of a caller; with method UPGRADE, one for a WebSocket."""
    if method == "UPGRADE":
        method, headers = "GET", {**UPGRADE, "Sec-WebSocket-Protocol": PROTOCOL, **(headers or {})}
    return agent.call(method, path, body, caller.token, headers, caller.certificate)


def status_of(agent: Agent, caller: Caller, *request) -> int:
    return send(agent, caller, *request).status


@pytest.fixture(scope="module", name="cluster")
def cluster_fixture():
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(ControlPlane())
        except Unavailable as error:
            pytest.skip(str(error))
        for name in ("shop", "bank", "till", "ns-debug"):
            cluster.namespace(name)
        for grant in GRANTS:
            cluster.apply(grant.manifests())
        for grant in GRANTS:
            wait_for(cluster, grant.review())
        wait_until(lambda: has_published(cluster), NOTICE_SECONDS, "the client authorities there")
        yield cluster


@pytest.fixture(scope="module", name="bed")
def bed_fixture():
    with contextlib.ExitStack() as stack:
        try:
            bed = stack.enter_context(Containerd("2.1"))
        except Unavailable as error:
            pytest.skip(str(error))
        for namespace, name, options in [("shop", "web", {}), ("bank", "web", {}),
                                         ("shop", "hostpid", {"host_pid": True}),
                                         ("shop", "hostipc", {"host_ipc": True})]:
            pod = bed.run_pod(namespace, name, **options)
            bed.run_container(pod, "app", image="busybox")
        yield bed


@pytest.fixture(scope="module", name="callers")
def callers_fixture(cluster) -> dict[str, Caller]:
    fired = cluster.service_account("shop", "fired")
    cluster.delete({"apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": {"namespace": "shop", "name": "fired"}})
    certificates = {
        "admin": cluster.user("root", ["system:masters"]),
        "alice": cluster.user("alice"),
        "devs": cluster.user("dora", ["sales", "devs"]),
        "sre": cluster.user("sre", ["devs"]),
        "erin": cluster.user("erin"),
        "kube": cluster.user("kube"),
        "node-admin": cluster.user("node-admin"),
        "operator": cluster.user("operator"),
        "foreign": cluster.foreign_user("alice", ["system:masters"]),
        "expired": cluster.expired_user("alice", ["system:masters"]),
    }
    tokens = {
        "bob": cluster.service_account("shop", "bob"),
        "robot": cluster.service_account("shop", "robot"),
        "garbage": "garbage",
        "fired": fired,
        "other": cluster.service_account("shop", "bob", audiences=["other"]),
    }
    return {"nobody": Caller(), **{name: Caller(one) for name, one in certificates.items()},
            **{name: Caller(token=one) for name, one in tokens.items()}}


def has_published(cluster: ControlPlane) -> bool:
    """Whether the authorities are there, which the API server writes after it is ready."""
    with contextlib.suppress(ApiError):
        return AUTHORITY_KEY in cluster.get(AUTHORITIES_PATH)["data"]
    return False


def wait_for(cluster: ControlPlane, review: dict) -> None:
    """Until the API server's authorizer, which learns of roles by watches, allows what it asks."""
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    wait_until(lambda: cluster.create(path, review)["status"]["allowed"], NOTICE_SECONDS,
               f"allowed: {review['spec']}")


def account_token(cluster: ControlPlane) -> str:
    """A token of the account that agents have."""
    own = account("ns-debug", "agent")
    token = cluster.service_account("ns-debug", "agent")
    cluster.apply([delegator(own), authentication_reader(own)])
    for kind in ("token", "subjectaccess"):
        api_group = "authentication.k8s.io" if kind == "token" else "authorization.k8s.io"
        wait_for(cluster, review_of(own, "create", f"{kind}reviews", api_group=api_group))
    return token


def put(path, text: str) -> None:
    """Replaces a file at once, as kubelet does with tokens."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def make_agent(cluster: ControlPlane, bed: Containerd, token_file, call_timeout: str = "60s",
               **auth) -> Agent:
    """An agent that authenticates and authorizes by the API server.

    It waits for answers for as long as a machine may take that is busy with other tests.
    """
    server = {"url": cluster.server, "caFile": str(cluster.ca), "tokenFile": str(token_file),
              "callTimeout": call_timeout}
    return Agent(BUILD_DIR, bed.endpoint, network=cluster.network, config={
        "standalone": False,
        "auth": {"staticTokensFile": "", "apiServer": server, **auth}})


def is_ready(agent: Agent) -> bool:
    return agent.health("/readyz")[0] == 200


@pytest.fixture(scope="module", name="token_file")
def token_file_fixture(cluster):
    path = cluster.folder / "agent.token"
    put(path, account_token(cluster))
    return path


@pytest.fixture(scope="module", name="next_authority")
def next_authority_fixture(cluster) -> Authority:
    """The one that is to sign client certificates after the cluster's present one."""
    return Authority(cluster.folder / "pki", "next-client-ca")


@pytest.fixture(scope="module", name="agent")
def agent_fixture(cluster, bed, token_file, next_authority):
    """One that keeps answers for longer than the tests take."""
    with make_agent(cluster, bed, token_file, **LONG) as agent:
        wait_until(lambda: is_ready(agent), NOTICE_SECONDS, "the agent is ready")
        # Published when the agent has read the present ones, and that early, since it takes its
        # time: the test that is about it then need not wait for all of that.
        newcomer = Caller(next_authority.client("alice", []))
        assert status_of(agent, newcomer, "GET", SHOP) == 401
        cluster.apply({**AUTHORITIES, "data": {
            AUTHORITY_KEY: cluster.client_ca.read_text() + next_authority.certificate.read_text()}})
        yield agent


@pytest.fixture(scope="module", name="forgetful")
def forgetful_fixture(cluster, bed, token_file):
    """One that keeps answers for as short as can be."""
    with make_agent(cluster, bed, token_file, **SHORT) as agent:
        wait_until(lambda: is_ready(agent), NOTICE_SECONDS, "the agent is ready")
        yield agent


@pytest.mark.parametrize("who", rows(PODS))
def test_pods(agent, callers, who):
    check_row(agent, callers[who], rows(PODS)[who], POD_REQUESTS)


@pytest.mark.parametrize("who", rows(REST))
def test_other_routes(agent, callers, who):
    check_row(agent, callers[who], rows(REST)[who], OTHER_REQUESTS)


def check_row(agent: Agent, caller: Caller, expected: dict[str, int],
              requests: dict[str, tuple]) -> None:
    got = {name: send(agent, caller, *request) for name, request in requests.items()}
    assert {name: answer.status for name, answer in got.items()} == expected
    for answer in got.values():
        if answer.status >= 400:
            assert answer.json()["code"] == answer.status
            assert (caller.token or "no token").encode() not in answer.body
        if answer.status == 401:
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_denial_says_who_lacks_what(agent, callers):
    answer = send(agent, callers["bob"], *POD_REQUESTS["once shop"])
    assert answer.message().startswith(
        'user "system:serviceaccount:shop:bob" cannot create resource "pods/exec" in API group '
        '"ns-debug.io" in the namespace "shop" with the name "web"')
    answer = send(agent, callers["alice"], *POD_REQUESTS["once net"])
    assert answer.message().startswith(
        'user "alice" cannot use resource "profiles" in API group "ns-debug.io" in the namespace '
        '"shop" with the name "netadmin"')


@pytest.mark.parametrize("pod", ["hostpid", "hostipc"])
def test_a_pod_in_namespaces_of_the_node_needs_the_right_to_the_node(agent, callers, pod):
    request = ("POST", f"{SHOP}/{pod}/exec", {"command": ["true"]})
    answer = send(agent, callers["alice"], *request)
    assert answer.status == 403
    assert answer.message().startswith(
        "the session would be in namespaces of the node: "
        f'user "alice" cannot create resource "nodes/exec" in API group "ns-debug.io" at the '
        f'cluster scope with the name "{NODE}"')
    assert status_of(agent, callers["sre"], *request) == 200


@pytest.mark.parametrize("certificate, token, status, why", [
    # The certificate is the user, whatever else is sent: these decide the same with and without.
    ("alice", "bob", 200, ""),
    ("alice", "garbage", 200, ""),
    ("kube", "robot", 403, 'user "kube" cannot'),
    # No certificate that is good: the token decides.
    ("foreign", "robot", 200, ""),
    ("expired", "robot", 200, ""),
    ("foreign", "bob", 403, 'user "system:serviceaccount:shop:bob" cannot'),
    ("foreign", "garbage", 401, "client certificate: "),
    ("expired", "fired", 401, "certificate has expired; bearer token: "),
])
def test_certificates_go_before_tokens(agent, callers, certificate, token, status, why):
    both = Caller(callers[certificate].certificate, callers[token].token)
    answer = send(agent, both, *POD_REQUESTS["once shop"])
    assert answer.status == status, answer
    if why:
        assert why in answer.message()


def test_a_web_page_cannot_use_the_certificate_that_its_browser_has(agent, callers):
    page = {"Origin": "https://somewhere.example"}
    assert send(agent, Caller(callers["alice"].certificate), "GET", SHOP).status == 200
    for request in [("GET", SHOP), POD_REQUESTS["once shop"], ("UPGRADE", f"{SHOP}/web/exec")]:
        answer = send(agent, Caller(callers["alice"].certificate), *request, headers=page)
        assert answer.status == 401, request
    # A token is what the page itself has.
    assert send(agent, callers["bob"], "GET", "/api", headers=page).status == 200


def test_a_token_counts_until_it_expires(agent, cluster):
    token = cluster.service_account("shop", "bob", seconds=600)
    for earlier, status in ((60, 200), (660, 401)):
        caller = Caller(token=cluster.issued_earlier(token, earlier))
        assert status_of(agent, caller, "GET", "/api") == status


def test_groups_of_a_service_account_come_from_its_token(agent, cluster):
    till = Caller(token=cluster.service_account("till", "one"))
    assert status_of(agent, till, "GET", SHOP) == 200
    assert status_of(agent, till, "GET", BANK) == 403


@pytest.mark.parametrize("who", ["nobody", "bob"])
def test_headers_name_nobody(agent, callers, who):
    """Of a front proxy and of impersonation: whoever sends them is no front proxy."""
    headers = {"X-Remote-User": "root", "X-Remote-Group": "system:masters",
               "Impersonate-User": "root", "Impersonate-Group": "system:masters"}
    answer = send(agent, callers[who], "GET", SHOP, None, headers)
    assert answer.status == rows(PODS)[who]["list shop"]


def test_a_connection_that_is_kept_is_nobodys(agent, callers):
    method, path, body = POD_REQUESTS["once shop"]
    with contextlib.closing(agent.connect()) as connection:
        statuses = [ask(connection, method, path, body, callers[who].token).status
                    for who in ("robot", "bob", "nobody", "garbage", "robot")]
    assert statuses == [200, 403, 401, 401, 200]


def test_no_token_is_written_down(agent, callers):
    tokens = {who: caller for who, caller in callers.items() if caller.token is not None}
    for caller in tokens.values():
        send(agent, caller, "GET", BANK)
    written = agent.audit_path.read_text() + agent.log()
    # It tells about them all the same.
    assert "system:serviceaccount:shop:bob" in written
    # A JWT's signature is the secret, and long enough to be in no other text by chance.
    assert [who for who, caller in tokens.items()
            if who != "garbage" and caller.token.rpartition(".")[2] in written] == []


def in_subprotocol(token: str) -> str:
    return TOKEN_PROTOCOL + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


def test_a_websocket_client_may_send_its_token_as_a_subprotocol(agent, callers):
    def upgrade(offered: list[str], caller: Caller = callers["nobody"]) -> Answer:
        return send(agent, caller, "UPGRADE", f"{SHOP}/web/{STREAM}", None,
                    {"Sec-WebSocket-Protocol": ", ".join(offered)})

    token = in_subprotocol(callers["robot"].token)
    for offered in ([token, PROTOCOL], [PROTOCOL, token]):
        answer = upgrade(offered)
        assert answer.status == 101
        # The server chooses one of the list, and never the one that is a secret.
        assert answer.headers.get_all("Sec-WebSocket-Protocol") == [PROTOCOL]
    assert upgrade([PROTOCOL]).status == 401
    assert upgrade([token]).status == 401
    assert upgrade([token, token, PROTOCOL]).status == 401
    assert upgrade([token, PROTOCOL], callers["robot"]).status == 401
    assert upgrade([in_subprotocol("garbage"), PROTOCOL]).status == 401
    assert upgrade([in_subprotocol(callers["bob"].token), PROTOCOL]).status == 403


def test_a_session_is_for_operators_to_see_and_to_end(agent, callers):
    def sessions() -> list[dict]:
        return send(agent, callers["operator"], "GET", f"{API}/sessions").json()["items"]

    # Those of the upgrades before, whose clients have gone.
    wait_until(lambda: not sessions(), NOTICE_SECONDS, "no session")
    connection = agent.connect(callers["alice"].certificate)
    with contextlib.closing(connection):
        headers = {**UPGRADE, "Sec-WebSocket-Protocol": PROTOCOL}
        path = f"{SHOP}/web/exec?command=sleep&command=1000&stdout=true"
        assert ask(connection, "GET", path, None, None, headers).status == 101
        session, = wait_until(sessions, NOTICE_SECONDS, "a session")
        assert (session["user"], session["namespace"], session["pod"]) == ("alice", "shop", "web")
        one = f"{API}/sessions/{session['id']}"
        # Not even their own.
        assert status_of(agent, callers["alice"], "DELETE", one) == 403
        assert [each["id"] for each in sessions()] == [session["id"]]
        assert status_of(agent, callers["operator"], "DELETE", one) == 200
        told = b""
        while CLOSED not in told:
            got = connection.sock.recv(4096)
            assert got, told
            told += got
        assert b"the session was ended through the agent's API" in told
    wait_until(lambda: not sessions(), NOTICE_SECONDS, "the session gone")
    assert status_of(agent, callers["operator"], "DELETE", one) == 404


def test_an_agent_with_audiences_takes_tokens_for_them_only(cluster, bed, token_file, callers):
    def token(*audiences: str) -> Caller:
        return Caller(token=cluster.service_account("shop", "bob", audiences=list(audiences)))

    request = ("GET", f"{SHOP}/web")
    with make_agent(cluster, bed, token_file, audiences=["ns-debug", "debug"]) as agent:
        assert status_of(agent, token("ns-debug"), *request) == 200
        assert status_of(agent, token("other", "debug"), *request) == 200
        assert status_of(agent, token("other"), *request) == 401
        # For the API server itself, and good there.
        assert status_of(agent, callers["bob"], *request) == 401
        assert status_of(agent, callers["alice"], *request) == 200


def test_rights_that_are_given_and_taken_count_after_their_time(cluster, agent, forgetful):
    dave = Caller(cluster.user("dave"))
    grant = Grant("dave", [user("dave")], ["list"], ["pods"], "shop")
    request = ("GET", SHOP)
    assert status_of(forgetful, dave, *request) == 403
    cluster.apply(grant.manifests())
    wait_until(lambda: status_of(forgetful, dave, *request) == 200, NOTICE_SECONDS, "allowed")
    assert status_of(agent, dave, *request) == 200
    cluster.delete(grant.manifests()[1])
    wait_until(lambda: status_of(forgetful, dave, *request) == 403, NOTICE_SECONDS, "denied")
    # It was the answer's short life: whoever keeps it for an hour believes it still.
    assert status_of(agent, dave, *request) == 200


def test_a_token_that_is_taken_back_counts_after_its_time(cluster, agent, forgetful):
    leaver = Caller(token=cluster.service_account("till", "leaver"))
    for one in (agent, forgetful):
        assert status_of(one, leaver, "GET", SHOP) == 200
    cluster.delete({"apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": {"namespace": "till", "name": "leaver"}})
    wait_until(lambda: status_of(forgetful, leaver, "GET", SHOP) == 401, NOTICE_SECONDS, "refused")
    assert status_of(agent, leaver, "GET", SHOP) == 200


def test_an_account_without_its_bindings_lets_nobody_in_and_says_which(cluster, bed, callers):
    own = account("ns-debug", "unbound")
    path = cluster.folder / "unbound.token"
    put(path, cluster.service_account("ns-debug", "unbound"))
    alice, bob = callers["alice"], callers["bob"]
    request = ("GET", f"{SHOP}/web")
    with make_agent(cluster, bed, path, **SHORT) as agent:
        def refusal(caller: Caller) -> str:
            """Why it could not find out; not one yes, and no no either. Strangers are not told."""
            answer = send(agent, caller, *request)
            assert answer.status == 503, answer
            assert "bind" not in answer.message() or caller is alice
            return agent.audit()[-1]["reason"]

        reader = "bind Role extension-apiserver-authentication-reader of namespace kube-system"
        wait_until(lambda: reader in refusal(alice), NOTICE_SECONDS, "the reader is missed")
        assert "bind ClusterRole system:auth-delegator" in refusal(bob)
        assert not is_ready(agent)
        assert status_of(agent, callers["nobody"], *request) == 401

        # Whose certificate it is can be found out now, what its user may do still cannot.
        cluster.apply(authentication_reader(own))
        wait_until(lambda: "bind ClusterRole system:auth-delegator" in refusal(alice),
                   NOTICE_SECONDS, "the delegator is missed")
        assert status_of(agent, callers["nobody"], *request) == 401

        cluster.apply(delegator(own))
        wait_until(lambda: status_of(agent, alice, *request) == 200, NOTICE_SECONDS, "alice in")
        wait_until(lambda: status_of(agent, bob, *request) == 200, NOTICE_SECONDS, "bob in")
        assert is_ready(agent)


def test_the_agents_own_token_is_read_again(cluster, bed, callers):
    good = account_token(cluster)
    path = cluster.folder / "rotated.token"
    put(path, "stale")
    alice, request = callers["alice"], ("GET", f"{SHOP}/web")
    with make_agent(cluster, bed, path, **SHORT) as agent:
        def refusal() -> str:
            answer = send(agent, alice, *request)
            assert answer.status == 503, answer
            return agent.audit()[-1]["reason"]

        wait_until(lambda: "does not accept the agent's own token" in refusal(), NOTICE_SECONDS,
                   "the token is refused")
        put(path, good)
        wait_until(lambda: status_of(agent, alice, *request) == 200, NOTICE_SECONDS, "in")
        put(path, "stale")
        wait_until(lambda: status_of(agent, alice, *request) == 503, NOTICE_SECONDS, "out")


def test_a_client_authority_that_was_added_is_believed_beside_the_old_one(
        agent, callers, next_authority):
    newcomer = Caller(next_authority.client("alice", []))
    wait_until(lambda: status_of(agent, newcomer, "GET", SHOP) == 200, AUTHORITY_SECONDS,
               "the authority seen")
    assert status_of(agent, newcomer, "GET", BANK) == 403
    assert status_of(agent, callers["alice"], "GET", SHOP) == 200
    assert status_of(agent, callers["foreign"], "GET", SHOP) == 401


def test_without_the_api_server_only_what_is_known_is_answered(cluster, agent, forgetful, callers):
    alice, bob = callers["alice"], callers["bob"]
    known = [(alice, "GET", SHOP), (bob, "GET", f"{SHOP}/web"),
             (alice, "POST", f"{SHOP}/web/exec", {"command": ["true"]})]
    for one in (agent, forgetful):
        assert [status_of(one, *request) for request in known] == [200, 200, 200]
    denied = (bob, "GET", SHOP)
    assert status_of(agent, *denied) == 403
    unknown = [
        (alice, "GET", f"{SHOP}/never-asked"),
        (alice, "GET", f"{API}/namespaces/never-asked/pods"),
        (Caller(token=cluster.service_account("shop", "bob")), "GET", f"{SHOP}/web"),
        (Caller(token="never-seen"), "GET", f"{API}/openapi/v3"),
    ]
    cluster.stop_apiserver()
    try:
        assert [status_of(agent, *request) for request in known] == [200, 200, 200]
        assert status_of(agent, *denied) == 403
        assert [status_of(agent, *request) for request in unknown] == [503] * len(unknown)
        # These take no question.
        assert status_of(agent, callers["nobody"], "GET", SHOP) == 401
        assert status_of(agent, callers["expired"], "GET", SHOP) == 401
        # Never a no for a yes that cannot be found out: it is the one, then neither.
        for request in known:
            statuses = set()

            def is_forgotten() -> bool:
                statuses.add(status_of(forgetful, *request))
                return 503 in statuses

            wait_until(is_forgotten, NOTICE_SECONDS, "a known answer forgotten")
            assert statuses <= {200, 503}
        assert not is_ready(agent)
        assert agent.health("/healthz")[0] == 200
    finally:
        cluster.start_apiserver()
    for request in known:
        wait_until(lambda: status_of(forgetful, *request) == 200, NOTICE_SECONDS, "recovered")
    # A refusal to answer was not kept as an answer.
    assert [status_of(agent, *request) for request in unknown] == [404, 403, 200, 401]
    assert is_ready(agent)


def test_an_api_server_that_hangs_is_not_waited_for(cluster, bed, token_file, callers):
    alice = callers["alice"]
    known, unknown = (alice, "GET", SHOP), (alice, "GET", f"{SHOP}/gone")
    _, pid = cluster.pids
    with make_agent(cluster, bed, token_file, call_timeout="2s", **LONG) as agent:
        wait_until(lambda: status_of(agent, *known) == 200, NOTICE_SECONDS, "allowed")
        os.kill(pid, signal.SIGSTOP)
        try:
            answer = send(agent, *unknown)
            assert answer.status == 504
            assert answer.message().startswith("review the access: ")
            assert status_of(agent, *known) == 200
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: status_of(agent, *unknown) == 404, NOTICE_SECONDS, "recovered")
