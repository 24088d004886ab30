"""The agent takes what the chart takes: values at each bound, and beyond it, against both."""

import subprocess

import helm
import pytest
import yaml

# Below, least, most, above; None where there is nothing below.
BOUNDS = {
    "server.maxConnections": (0, 1, 100000, 100001),
    "server.maxHeaderBytes": ("4095", "4Ki", "1Mi", "1025Ki"),
    "server.maxBodyBytes": (4095, 4096, "4Mi", 4194305),
    "server.requestTimeout": ("999ms", "1s", "5m", "5m1ms"),
    "server.idleTimeout": (0, 1, 3600, 3601),
    "server.requestsPerSecond": (0, 1, 100000, 100001),
    "server.requestBurst": (0, 1, 100000, 100001),
    "server.stopGrace": (None, "0s", "1h", "1h1ms"),
    "server.threads": (0, 1, 64, 65),
    "runtime.callTimeout": ("0s", "1s", "5m", "301s"),
    "auth.apiServer.callTimeout": ("0s", "1s", "5m", "6m"),
    "auth.tokenTTL": ("999ms", "1s", "1h", "1h1ms"),
    "auth.allowedTTL": ("0", "1s", "60m", "2h"),
    "auth.deniedTTL": ("999ms", "1s", "1h", "61m"),
    "session.limits.memory": ("8191Ki", "8Mi", "1024Gi", "1025Gi"),
    "session.limits.pids": (7, 8, 4194304, 4194305),
    "session.limits.cpus": ("9m", "10m", "1000", "1000.001"),
    "session.maxSessions": (0, 1, 10000, 10001),
    "session.maxSessionsPerUser": (0, 1, 10000, 10001),
    "session.maxDuration": ("999ms", "1s", "168h", 1000000),
    "session.idleTimeout": ("0h", "1000ms", 604800, "168h1ms"),
    "session.maxOutputBytes": ("1023", "1Ki", "65536Ki", "1Gi"),
}
# Texts that neither takes.
WRONG = {
    "server.address": ["localhost", "999.1.1.1", "01.2.3.4", "1:2"],
    "health.address": ["", "0.0.0.0/0"],
    "auth.apiServer.url": ["http://x", "https://", "https://x/y", "https://u@x", "https://[::1"],
    "auth.apiServer.caFile": ["", "ca.crt", "/etc/../ca.crt"],
    "auth.apiServer.tokenFile": ["token", "/."],
    "auth.clientCAFile": ["ca.crt", "/etc/./ca.crt", "/etc/.."],
    "session.cgroupParent": ["", "/", "//", "ns-debug", "/a/../.."],
    "audit.path": ["", "audit.log", "/var/../audit.log"],
}
# Words from a list, switches; and ports, where an agent without the chart may have 0.
OTHERS = {"server.port", "health.port", "session.defaultProfile", "log.level", "log.format",
          "audit.failOpen", "auth.audiences"}


def check(agent_program: str, config: dict, folder) -> subprocess.CompletedProcess:
    """What the agent says to a configuration."""
    path = folder / "ns-debug-agent.yaml"
    path.write_text(yaml.safe_dump(config))
    return subprocess.run([agent_program, "--config", path, "--check-config"],
                          capture_output=True, text=True, check=False)


def changed(config: dict, key: str, value: object) -> None:
    *sections, last = key.split(".")
    for section in sections:
        config = config[section]
    config[last] = value


def leaves(tree: dict, prefix: str = "") -> set[str]:
    return {leaf for key, value in tree.items() for leaf in (
        leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key})}


def test_every_key_has_its_bounds():
    values = yaml.safe_load((helm.CHART / "values.yaml").read_text())
    assert set(BOUNDS) | set(WRONG) | OTHERS == leaves(values["config"])


@pytest.mark.parametrize("side", [1, 2], ids=["least", "most"])
def test_both_take_a_value_at_its_bound(side, agent_program, tmp_path):
    values = {f"config.{key}": bounds[side] for key, bounds in BOUNDS.items()}
    items = helm.render({**values, "terminationGracePeriodSeconds": 7200})
    done = check(agent_program, yaml.safe_load(helm.agent_config(items)), tmp_path)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


@pytest.mark.parametrize("key", BOUNDS)
def test_the_chart_refuses_a_value_beyond_its_bound(key):
    for value in (BOUNDS[key][0], BOUNDS[key][3]):
        if value is not None:
            told = helm.refusal({f"config.{key}": value}).replace("/", ".")
            assert f"config.{key}" in told, (value, told)


@pytest.mark.parametrize("side", [0, 3], ids=["below", "above"])
def test_and_the_agent_would(side, agent_program, tmp_path):
    config = yaml.safe_load(helm.agent_config(helm.render()))
    beyond = {key: bounds[side] for key, bounds in BOUNDS.items() if bounds[side] is not None}
    for key, value in beyond.items():
        changed(config, key, value)
    done = check(agent_program, config, tmp_path)
    assert done.returncode == 2
    assert [key for key in beyond if f": {key}: " not in done.stderr] == []


@pytest.mark.parametrize("key", WRONG)
def test_neither_takes_a_text_that_is_none_of_its_kind(key, agent_program, tmp_path):
    config = yaml.safe_load(helm.agent_config(helm.render()))
    for value in WRONG[key]:
        assert f"config.{key}" in helm.refusal({f"config.{key}": value}).replace("/", "."), value
        changed(config, key, value)
        done = check(agent_program, config, tmp_path)
        assert done.returncode == 2 and f": {key}: " in done.stderr, (value, done.stderr)
