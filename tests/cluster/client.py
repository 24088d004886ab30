"""A small client of the API server: JSON over HTTPS, as one user."""

import contextlib
import http.client
import json
import pathlib
import ssl
import time
import urllib.parse
from collections.abc import Iterator

from bed.deadline import DeadlineExceeded

from .certificates import Certificate
from .network import Network

_SECONDS = 30
_FIELD_MANAGER = "cluster-tests"


class ApiError(Exception):
    """An answer of the API server that is no success: `status` is its HTTP status."""

    def __init__(self, method: str, path: str, status: int, message: str):
        super().__init__(f"{method} {path}: {status} {message}")
        self.status = status
        self.message = message


class Client:
    """Sends requests as the user of a client certificate or of a token, or as nobody.

    Made by ControlPlane.client(). Every request has a connection of its own, so a client outlives
    restarts of the API server and may be used by several threads.
    """

    def __init__(self, network: Network, address: tuple[str, int], ca: pathlib.Path,
                 certificate: Certificate | None = None, token: str = ""):
        self._network = network
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._context = ssl.create_default_context(cafile=ca)
        if certificate is not None:
            self._context.load_cert_chain(certificate.certificate, certificate.key)

    def get(self, path: str) -> dict:
        """The object or list at `path`, as in /api/v1/namespaces/default."""
        return json.loads(self.request("GET", path))

    def create(self, path: str, body: dict) -> dict:
        """What the API server makes of an object sent to `path`: reviews are such objects too."""
        return json.loads(self.request("POST", path, body))

    def apply(self, manifest: dict | list[dict]) -> None:
        """Creates or updates objects, in the order of the list."""
        for item in manifest if isinstance(manifest, list) else [manifest]:
            path = f"{self.path(item)}?fieldManager={_FIELD_MANAGER}&force=true"
            # A misspelt field is the test's mistake; without this it would be dropped in silence.
            self.request("PATCH", f"{path}&fieldValidation=Strict", item,
                         "application/apply-patch+yaml")

    def delete(self, manifest: dict | list[dict], at_once: bool = False) -> None:
        """Deletes objects that were applied; one that is gone already is an ApiError 404. Of a pod
        whose node is gone `at_once`: nobody would tell that it has ended."""
        query = "?gracePeriodSeconds=0" if at_once else ""
        for item in manifest if isinstance(manifest, list) else [manifest]:
            self.request("DELETE", self.path(item) + query)

    def wait_for(self, path: str, condition, seconds: float, what: str) -> dict:
        """The object at `path` when `condition(object)` is true; it need not be there yet.

        DeadlineExceeded tells the status of what was there last.
        """
        end = time.monotonic() + seconds
        status = "not there"
        while (left := end - time.monotonic()) > 0:
            # The API server may end a watch at any time: then there is another one.
            for found in self._watch(path, left):
                if found is not None and condition(found):
                    return found
                status = "gone" if found is None else json.dumps(found.get("status"))
        raise DeadlineExceeded(f"{what}: not within {seconds:g} s: {path}: {status}")

    def path(self, item: dict) -> str:
        """Where the API has an object; one without a namespace is in `default`."""
        version, kind, metadata = item["apiVersion"], item["kind"], item["metadata"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        for resource in self.get(root)["resources"]:
            if resource["kind"] == kind and "/" not in resource["name"]:
                namespace = f"namespaces/{metadata.get('namespace', 'default')}/"
                place = namespace if resource["namespaced"] else ""
                return f"{root}/{place}{resource['name']}/{metadata['name']}"
        raise LookupError(f"the API server has no kind {kind} in {version}")

    def request(self, method: str, path: str, body: dict | None = None,
                content_type: str = "application/json") -> str:
        """The body of a successful answer; ApiError for any other."""
        with self._answer(method, path, body, content_type) as answer:
            return answer.read().decode()

    def _watch(self, path: str, seconds: float) -> Iterator[dict | None]:
        """The object at `path` as it is, and again whenever it changes; None when it is deleted."""
        collection, _, name = path.rpartition("/")
        query = urllib.parse.urlencode({
            "watch": "true", "fieldSelector": f"metadata.name={name}",
            # What the API server has at hand: by default it would first make sure that nothing is
            # newer, which can take longer than it has patience.
            "resourceVersion": "0",
            "timeoutSeconds": max(1, round(seconds)),
        })
        with contextlib.suppress(TimeoutError):
            with self._answer("GET", f"{collection}?{query}", seconds=seconds) as answer:
                while line := answer.readline():
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise ApiError("WATCH", path, event["object"].get("code", 0),
                                       event["object"].get("message", ""))
                    yield None if event["type"] == "DELETED" else event["object"]

    @contextlib.contextmanager
    def _answer(self, method: str, path: str, body: dict | None = None,
                content_type: str = "application/json",
                seconds: float = _SECONDS) -> Iterator[http.client.HTTPResponse]:
        headers = dict(self._headers)
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = json.dumps(body)
        connection = http.client.HTTPConnection(*self._address)
        with contextlib.closing(connection):
            connection.sock = self._connect(seconds)
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            if not http.client.OK <= answer.status < http.client.MULTIPLE_CHOICES:
                raise ApiError(method, path, answer.status, _message(answer.read().decode()))
            yield answer

    def _connect(self, seconds: float) -> ssl.SSLSocket:
        host, port = self._address
        plain = self._network.connect(host, port, seconds)
        try:
            return self._context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise


def _message(text: str) -> str:
    """The message of a Status object; the text itself when it is none."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return json.loads(text)["message"]
    return text.strip()
