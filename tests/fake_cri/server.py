"""Replays the recorded answers of a runtime over a real gRPC server on a Unix socket.

The recorded processes do not exist: `processes` maps ids to pids that are told in their place, and
`namespaces` maps ids of sandboxes without a process to the pid whose /proc/PID/ns/* stand for the
files the runtime had pinned their namespaces at.
"""

import json
import pathlib
import threading
from concurrent import futures

import grpc
from bed.cri_client import messages
from google.protobuf import json_format

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / "tests" / "recordings"
PROTO = ROOT / "cri" / "runtime.proto"

_METHODS = ("Version", "ListPodSandbox", "PodSandboxStatus", "ListContainers", "ContainerStatus")


class FakeCri:
    """Serves one recording at unix://FOLDER/cri.sock while it is entered."""

    def __init__(self, recording: str, folder: str):
        self._folder = RECORDINGS / recording
        self.endpoint = f"unix://{folder}/cri.sock"
        self.ids = json.loads((self._folder / "ids.json").read_text())
        self.proc = json.loads((self._folder / "proc.json").read_text())
        self.processes: dict[str, int] = {}
        self.namespaces: dict[str, int] = {}
        self.garbage = False
        self.calls: list[str] = []
        self._answers = {}
        for path in [*self._folder.glob("status-*.json"), *self._folder.glob("podstatus-*.json")]:
            call = json.loads(path.read_text())
            request = call["request"]
            target = request.get("container_id") or request.get("pod_sandbox_id")
            self._answers[(call["method"], target)] = call
        self._unknown = {
            "ContainerStatus": json.loads((self._folder / "status-unknown.json").read_text()),
            "PodSandboxStatus": json.loads((self._folder / "podstatus-unknown.json").read_text()),
        }
        self._hang = None
        self._server = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self) -> None:
        """Starts the server, also again after stop()."""
        self._server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        handlers = {}
        for method in _METHODS:
            request = getattr(messages(PROTO), f"{method}Request")
            handlers[method] = grpc.unary_unary_rpc_method_handler(
                lambda message, context, method=method: self._answer(method, message, context),
                request_deserializer=request.FromString,
                response_serializer=lambda message: message.SerializeToString())
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("runtime.v1.RuntimeService", handlers),))
        self._server.add_insecure_port(self.endpoint)
        self._server.start()

    def stop(self) -> None:
        if self._hang:
            self._hang.set()
        self._server.stop(None).wait(5)

    def hang(self) -> None:
        """From now on calls are taken and never answered."""
        self._hang = threading.Event()

    def _answer(self, method: str, request, context):
        self.calls.append(method)
        if self._hang:
            self._hang.wait()
        call = getattr(self, f"_{method}")(request)
        if "error" in call:
            code = next(c for c in grpc.StatusCode if c.value[0] == call["error"]["code_number"])
            context.abort(code, call["error"]["message"])
        response = getattr(messages(PROTO), f"{method}Response")()
        json_format.ParseDict(call["response"], response, ignore_unknown_fields=True)
        return response

    def _load(self, name: str) -> dict:
        return json.loads((self._folder / name).read_text())

    def _Version(self, _request) -> dict:
        return self._load("version.json")

    def _ListPodSandbox(self, request) -> dict:
        items = self._load("pods-all.json")["response"]["items"]
        wanted = dict(request.filter.label_selector)
        found = [item for item in _by_id(items, request.filter.id)
                 if wanted.items() <= item["labels"].items()]
        return {"response": {"items": found}}

    def _ListContainers(self, request) -> dict:
        containers = self._load("containers-all.json")["response"]["containers"]
        pod = request.filter.pod_sandbox_id
        found = [container for container in _by_id(containers, request.filter.id)
                 if not pod or container["pod_sandbox_id"] == pod]
        return {"response": {"containers": found}}

    def _ContainerStatus(self, request) -> dict:
        return self._status("ContainerStatus", request.container_id, request.verbose)

    def _PodSandboxStatus(self, request) -> dict:
        return self._status("PodSandboxStatus", request.pod_sandbox_id, request.verbose)

    def _status(self, method: str, target: str, verbose: bool) -> dict:
        assert verbose, "without it no runtime tells a pid"
        call = json.loads(json.dumps(self._answers.get((method, target), self._unknown[method])))
        info = call.get("response", {}).get("info", {})
        if self.garbage:
            info["info"] = '{"pid": "many"'
        elif "info" in info:
            info["info"] = json.dumps(self._substitute(target, json.loads(info["info"])))
        return call

    def _substitute(self, target: str, info: dict) -> dict:
        if target in self.processes and "pid" in info:
            info["pid"] = self.processes[target]
        stand_in = self.namespaces.get(target)
        for namespace in info.get("runtimeSpec", {}).get("linux", {}).get("namespaces", []):
            if stand_in and "path" in namespace:
                kind = {"network": "net", "user": "user"}.get(namespace["type"], namespace["type"])
                namespace["path"] = f"/proc/{stand_in}/ns/{kind}"
        return info


def _by_id(items: list[dict], prefix: str) -> list[dict]:
    """As the runtimes do: an ambiguous prefix lists nothing."""
    found = [item for item in items if item["id"].startswith(prefix)]
    return found if not prefix or len(found) == 1 else []
