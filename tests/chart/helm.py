"""The real helm, and what it makes of the chart."""

import json
import os
import pathlib
import subprocess

import pytest
import yaml
from bed import Unavailable
from cluster import fetch_helm

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "ns-debug"
VALUES = sorted((ROOT / "tests" / "chart" / "values").glob("*.yaml"))
NAMESPACE = "ns-debug"
# Between them the security context has another form.
OLD, NEW = "1.28.0", "1.34.0"


def program() -> pathlib.Path:
    """Helm's path; a skip where it cannot be had."""
    try:
        return fetch_helm()
    except Unavailable as error:
        pytest.skip(str(error))


def run(*arguments: str | pathlib.Path, check: bool = True) -> subprocess.CompletedProcess:
    """One command of helm, without the configuration of whoever runs the tests."""
    environment = {**os.environ, "HELM_NAMESPACE": NAMESPACE, "KUBECONFIG": "/dev/null"}
    done = subprocess.run([program(), *arguments], env=environment, capture_output=True, text=True,
                          check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


def template(values: dict | pathlib.Path | None = None, kube_version: str = NEW,
             check: bool = True) -> subprocess.CompletedProcess:
    """`helm template` with values from a file or laid over the defaults."""
    options = []
    if isinstance(values, pathlib.Path):
        options = ["--values", values]
    elif values:
        options = [option for key, value in values.items()
                   for option in ("--set-json", f"{key}={json.dumps(value)}")]
    return run("template", "ns-debug", CHART, "--kube-version", kube_version, *options,
               check=check)


def render(values: dict | pathlib.Path | None = None, kube_version: str = NEW) -> list[dict]:
    """The objects that it makes."""
    return [item for item in yaml.safe_load_all(template(values, kube_version).stdout) if item]


def refusal(values: dict) -> str:
    """What it says about values that it must not take."""
    done = template(values, check=False)
    assert done.returncode != 0, f"rendered with {values}"
    return done.stderr


def only(items: list[dict], kind: str, name: str | None = None) -> dict:
    """The one object of a kind, or of a kind and name."""
    found = [item for item in items
             if item["kind"] == kind and name in (None, item["metadata"]["name"])]
    assert len(found) == 1, [(item["kind"], item["metadata"]["name"]) for item in items]
    return found[0]


def container(items: list[dict]) -> dict:
    """The agent's container."""
    one, = only(items, "DaemonSet")["spec"]["template"]["spec"]["containers"]
    return one


def agent_config(items: list[dict]) -> str:
    """The agent's configuration file."""
    return only(items, "ConfigMap", "ns-debug")["data"]["ns-debug-agent.yaml"]
