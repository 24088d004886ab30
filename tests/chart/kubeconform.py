"""kubeconform, and the schemas that it needs: made of the API description that every version of
Kubernetes' Go module carries. Both are fetched once, by the Go command, and kept in the cache.
"""

import fcntl
import json
import os
import pathlib
import shutil
import subprocess

from bed import Unavailable
from bed.fetch import cache_dir

_MODULE = "github.com/yannh/kubeconform/cmd/kubeconform"
_VERSION = "v0.8.0"
_SECONDS = 900
# From the oldest version that the chart supports to the one of tests/cluster, each.
VERSIONS = {
    "1.28.15": "h1:d91N2Znk+E8REIJZlrD6za2JtIwvEypa0DB1IoU4fJ0=",
    "1.29.6": "h1:jn8kA/oVOAWZOeoorx6xZ4d+KgGp+Evgi90x9bEI/DE=",
    "1.30.14": "h1:MrlKXh9uhLIJpyxOeXhcndzRVSvwiV9iJ8NgH8nqPsg=",
    "1.31.14": "h1:UtjLfqvXLuSVDdJ4+NpQCIfFkKkLnAAVmxAEMsnkhjk=",
    "1.32.13": "h1:5TGYdZ6YZqdp6h/Rp1vX/4TIoybMPdgv97LCZCtPuNQ=",
    "1.33.13": "h1:bmH31xUdSzeA5vk0wZAK9MZp11mdLuzUSeKk0qN3hPQ=",
    "1.34.4": "h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk=",
    "1.35.4": "h1:o/8dBC/pHVpYoGV4OAIytAlNPZbdYVTXJHoYvXC4qzM=",
    "1.36.2": "h1:qsCug7E1dMVO+rNuCENKG64Z7SVS/fTqDHGI1/NCmTg=",
}
_DESCRIPTION = "api/openapi-spec/swagger.json"
_GVK = "x-kubernetes-group-version-kind"
# What the description calls strings and the API takes as numbers too.
_NUMBERS_TOO = ("util.intstr.IntOrString", "api.resource.Quantity")


def fetch_program() -> pathlib.Path:
    """The path of kubeconform."""
    final = cache_dir() / f"kubeconform-{_VERSION}"
    with _lock():
        if not final.exists():
            unfinished = final.with_suffix(".new")
            _go("install", f"{_MODULE}@{_VERSION}", GOBIN=str(unfinished), GOFLAGS="-mod=mod")
            unfinished.rename(final)
    return final / "kubeconform"


def write_schemas(version: str, kinds: set[tuple[str, str]], folder: pathlib.Path) -> None:
    """Files of schemas for these pairs of apiVersion and kind, in which no unknown field passes."""
    definitions = json.loads(_description(version).read_text())["definitions"]
    for name, definition in definitions.items():
        for known in definition.get(_GVK, []):
            group, kind = known["group"], known["kind"]
            api_version = f"{group}/{known['version']}" if group else known["version"]
            if (api_version, kind) in kinds:
                # kubeconform's name for it: the group's first word.
                parts = [kind, *filter(None, [group.split(".")[0], known["version"]])]
                schema = {"$ref": f"#/definitions/{name}",
                          "definitions": _strict(definitions, name)}
                path = folder / ("-".join(parts).lower() + ".json")
                path.write_text(json.dumps(schema))


def _strict(definitions: dict, root: str) -> dict:
    """The definitions that one needs, each closed to fields that it does not have."""
    found, waiting = {}, [root]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        definition = dict(definitions[name])
        if name.endswith(_NUMBERS_TOO):
            definition["type"] = ["string", "number"]
            definition.pop("format", None)
        elif "properties" in definition:
            definition["additionalProperties"] = False
        found[name] = definition
        waiting += _references(definition)
    return found


def _references(node: object) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].rpartition("/")[2]] if isinstance(node.get("$ref"), str) else []
    return own + [name for item in node.values() for name in _references(item)]


def _description(version: str) -> pathlib.Path:
    final = cache_dir() / f"kubernetes-api-{version}.json"
    with _lock():
        if not final.exists():
            told = json.loads(_go("mod", "download", "-json", f"k8s.io/kubernetes@v{version}"))
            if told["Sum"] != VERSIONS[version]:
                raise RuntimeError(f"k8s.io/kubernetes v{version}: its sum is {told['Sum']}, not "
                                   f"{VERSIONS[version]}")
            unfinished = final.with_suffix(".new")
            shutil.copyfile(pathlib.Path(told["Dir"], _DESCRIPTION), unfinished)
            unfinished.rename(final)
    return final


def _lock():
    lock = open(cache_dir() / "kubeconform.lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _go(*arguments: str, **environment: str) -> str:
    if shutil.which("go") is None:
        raise Unavailable("kubeconform: no go in the PATH to fetch it with")
    done = subprocess.run(["nice", "-n", "10", "go", *arguments], cwd="/", timeout=_SECONDS,
                          env={**os.environ, "GOWORK": "off", "CGO_ENABLED": "0", **environment},
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Unavailable(f"kubeconform: go {arguments[0]}: {''.join(last)}")
    return done.stdout
