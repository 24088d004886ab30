"""What the chart makes of its values."""

import re
import subprocess

import helm
import pytest
import yaml

# What sessions of each profile have needed when capabilities were taken away one by one, and what
# the profiles promise. A new one needs a system call, and its reason in the chart.
CAPABILITIES = {
    "SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE", "SETUID", "SETGID", "SETPCAP", "MKNOD", "KILL",
    "DAC_OVERRIDE", "CHOWN", "FOWNER", "FSETID", "SETFCAP", "NET_BIND_SERVICE", "NET_RAW",
    "AUDIT_WRITE", "NET_ADMIN",
}
APPARMOR = "container.apparmor.security.beta.kubernetes.io/agent"
# Keys of the agent's file that are no values: the chart or the image knows them.
NO_VALUES = {
    "nodeName", "standalone", "stateDirectory", "server.certificateFile", "server.keyFile",
    "runtime.endpoint", "auth.staticTokensFile", "session.nsEnter", "session.toolbox",
}


def keys(tree: dict, prefix: str = "") -> set[str]:
    found = set()
    for key, value in tree.items():
        found |= keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
    return found


def values() -> dict:
    return yaml.safe_load((helm.CHART / "values.yaml").read_text())


@pytest.mark.parametrize("path", helm.VALUES, ids=lambda path: path.stem)
def test_lint_finds_nothing(path):
    helm.run("lint", "--strict", helm.CHART, "--values", path)


def test_lint_finds_nothing_in_the_defaults():
    helm.run("lint", "--strict", helm.CHART)


@pytest.mark.parametrize("kube_version", [helm.OLD, helm.NEW])
def test_an_agent_is_not_privileged_and_has_the_capabilities_it_needs(kube_version):
    context = helm.container(helm.render(kube_version=kube_version))["securityContext"]
    assert context["privileged"] is False
    assert context["capabilities"]["drop"] == ["ALL"]
    assert len(context["capabilities"]["add"]) == len(CAPABILITIES)
    assert set(context["capabilities"]["add"]) == CAPABILITIES
    assert context["readOnlyRootFilesystem"] is True
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_each_capability_has_its_reason():
    text = (helm.CHART / "templates" / "_security_context.tpl").read_text()
    for capability in CAPABILITIES:
        assert re.search(rf"^ +# .*\.\n +- {capability}$", text, re.MULTILINE), capability


def test_apparmor_is_a_field_from_1_30_on_and_an_annotation_before():
    for kube_version, is_field in (("1.28.15", False), ("1.29.9", False), ("1.30.0", True),
                                   ("1.34.0", True)):
        items = helm.render(kube_version=kube_version)
        annotations = helm.only(items, "DaemonSet")["spec"]["template"]["metadata"]["annotations"]
        field = helm.container(items)["securityContext"].get("appArmorProfile")
        assert field == ({"type": "Unconfined"} if is_field else None), kube_version
        assert annotations.get(APPARMOR) == (None if is_field else "unconfined"), kube_version


def test_privileged_is_a_value():
    items = helm.render({"privileged": True})
    context = helm.container(items)["securityContext"]
    assert context["privileged"] is True
    assert context["readOnlyRootFilesystem"] is True
    # The API server refuses or ignores them beside it.
    assert not {"capabilities", "seccompProfile", "appArmorProfile"} & set(context)


def test_of_the_node_it_gets_the_processes_the_runtime_and_the_cgroups():
    pod = helm.only(helm.render(), "DaemonSet")["spec"]["template"]["spec"]
    assert pod["hostPID"] is True
    assert not {"hostNetwork", "hostIPC"} & set(pod)
    paths = {volume["name"]: volume["hostPath"]["path"]
             for volume in pod["volumes"] if "hostPath" in volume}
    assert paths == {"runtime": "/run/containerd", "cgroup": "/sys/fs/cgroup"}
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in pod["volumes"]}
    writable = [name for name, mount in mounts.items() if not mount.get("readOnly")]
    assert writable == ["cgroup"]


def test_the_runtime_is_reached_through_the_directory_of_its_socket():
    items = helm.render({"runtime.socket": "/run/k3s/containerd/containerd.sock"})
    volumes = helm.only(items, "DaemonSet")["spec"]["template"]["spec"]["volumes"]
    path, = [volume["hostPath"]["path"] for volume in volumes if volume["name"] == "runtime"]
    mount, = [mount["mountPath"] for mount in helm.container(items)["volumeMounts"]
              if mount["name"] == "runtime"]
    assert path == "/run/k3s/containerd"
    config = yaml.safe_load(helm.agent_config(items))
    assert config["runtime"]["endpoint"] == f"unix://{mount}/containerd.sock"


@pytest.mark.parametrize("socket", ["/run/cri-dockerd.sock", "/var/run/cri-dockerd.sock"])
def test_a_socket_among_those_of_the_whole_node_is_mounted_alone(socket):
    items = helm.render({"runtime.socket": socket})
    pod = helm.only(items, "DaemonSet")["spec"]["template"]["spec"]
    volume, = [volume for volume in pod["volumes"] if volume["name"] == "runtime"]
    mount, = [mount for mount in helm.container(items)["volumeMounts"]
              if mount["name"] == "runtime"]
    assert volume["hostPath"] == {"path": socket, "type": "Socket"}
    assert mount == {"name": "runtime", "mountPath": "/run/runtime/cri-dockerd.sock",
                     "readOnly": True}
    config = yaml.safe_load(helm.agent_config(items))
    assert config["runtime"]["endpoint"] == "unix:///run/runtime/cri-dockerd.sock"


def test_further_volumes_come_after_its_own():
    own = helm.only(helm.render(), "DaemonSet")["spec"]["template"]["spec"]
    volume = {"name": "audit", "emptyDir": {}}
    mount = {"name": "audit", "mountPath": "/var/log"}
    pod = helm.only(helm.render({"extraVolumes": [volume], "extraVolumeMounts": [mount]}),
                    "DaemonSet")["spec"]["template"]["spec"]
    assert pod["volumes"] == [*own["volumes"], volume]
    assert pod["containers"][0]["volumeMounts"] == [*own["containers"][0]["volumeMounts"], mount]


def test_probes_and_metrics_are_at_the_health_port():
    items = helm.render({"config.health.port": 9081})
    one = helm.container(items)
    assert one["ports"] == [{"name": "health", "containerPort": 9081}]
    assert one["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert one["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    assert yaml.safe_load(helm.agent_config(items))["health"]["port"] == 9081


def test_it_runs_on_every_node_and_is_wanted_when_nodes_are_full():
    pod = helm.only(helm.render(), "DaemonSet")["spec"]["template"]["spec"]
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["priorityClassName"] == "system-node-critical"
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux"}


def test_it_knows_its_node_by_the_name_that_kubernetes_has_for_it():
    environment, = helm.container(helm.render())["env"]
    assert environment == {"name": "NODE_NAME",
                           "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}


@pytest.mark.parametrize("path", helm.VALUES, ids=lambda path: path.stem)
def test_selectors_hold_what_never_changes(path):
    items = helm.render(path)
    expected = {"app.kubernetes.io/name": "ns-debug", "app.kubernetes.io/instance": "ns-debug"}
    daemonset = helm.only(items, "DaemonSet")
    assert daemonset["spec"]["selector"] == {"matchLabels": expected}
    assert expected.items() <= daemonset["spec"]["template"]["metadata"]["labels"].items()
    # The DaemonSet would adopt a pod that its selector finds, and kubectl's plugin ask it.
    assert helm.only(items, "Pod")["metadata"]["labels"]["app.kubernetes.io/name"] != "ns-debug"


@pytest.mark.parametrize("path", helm.VALUES, ids=lambda path: path.stem)
def test_every_object_says_whose_it_is(path):
    common = yaml.safe_load(path.read_text()).get("commonLabels", {})
    for item in helm.render(path):
        labels = item["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "ns-debug", item["kind"]
        assert labels["helm.sh/chart"].startswith("ns-debug-"), item["kind"]
        assert common.items() <= labels.items(), item["kind"]


def test_what_is_optional_is_off():
    kinds = {item["kind"] for item in helm.render()}
    optional = {"NetworkPolicy", "PodMonitor", "PrometheusRule"}
    assert not optional & kinds
    everything = helm.render(helm.ROOT / "tests" / "chart" / "values" / "everything.yaml")
    assert optional <= {item["kind"] for item in everything}


def test_a_new_configuration_replaces_the_agents():
    def checksum(values: dict) -> str:
        template = helm.only(helm.render(values), "DaemonSet")["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/config"]

    assert checksum({}) == checksum({})
    assert checksum({}) != checksum({"config.log.level": "debug"})


def test_every_key_of_the_agent_is_a_value_or_the_charts_own():
    file = yaml.safe_load((helm.ROOT / "docs" / "ns-debug-agent.yaml").read_text())
    assert keys(values()["config"]) == keys(file) - NO_VALUES
    assert NO_VALUES <= keys(file)


def test_the_defaults_are_the_agents():
    file = yaml.safe_load((helm.ROOT / "docs" / "ns-debug-agent.yaml").read_text())
    config = yaml.safe_load(helm.agent_config(helm.render()))
    config["runtime"].pop("endpoint")
    for section, settings in config.items():
        assert settings.items() <= file[section].items() or section == "session", section
    assert config["session"].items() <= file["session"].items()


@pytest.mark.parametrize("path", [None, *helm.VALUES], ids=lambda path: path and path.stem)
def test_the_agent_accepts_the_configuration(path, agent_program, tmp_path):
    config = tmp_path / "ns-debug-agent.yaml"
    config.write_text(helm.agent_config(helm.render(path)))
    done = subprocess.run([agent_program, "--config", config, "--check-config"],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


def test_numbers_arrive_as_they_were_written():
    config = helm.agent_config(helm.render({"config.server.maxBodyBytes": 2097152}))
    assert "\n  maxBodyBytes: 2097152\n" in config


def test_helm_test_checks_the_configuration_of_the_agents():
    items = helm.render()
    pod = helm.only(items, "Pod")
    one, = pod["spec"]["containers"]
    agents = helm.container(items)
    assert one["image"] == agents["image"]
    assert one["command"] == agents["command"]
    assert one["args"] == [*agents["args"], "--check-config"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    volume, = pod["spec"]["volumes"]
    assert volume["configMap"]["name"] == helm.only(items, "ConfigMap", "ns-debug")[
        "metadata"]["name"]


def test_a_network_policy_opens_the_api_where_it_is_not_on_loopback():
    closed = helm.only(helm.render({"networkPolicy.enabled": True}), "NetworkPolicy")
    assert closed["spec"]["ingress"] == [{"ports": [{"port": 8081}]}]
    peer = {"podSelector": {"matchLabels": {"app": "dashboard"}}}
    opened = helm.only(helm.render({"networkPolicy.enabled": True, "config.server.address": "::",
                                    "networkPolicy.apiFrom": [peer]}), "NetworkPolicy")
    assert opened["spec"]["ingress"] == [{"ports": [{"port": 8081}]},
                                         {"ports": [{"port": 8443}], "from": [peer]}]


def notes(namespace: str) -> str:
    return helm.run("install", "ns-debug", helm.CHART, "--namespace", namespace,
                    "--dry-run=client").stdout.partition("\nNOTES:\n")[2]


def test_the_notes_tell_the_plugin_where_the_agents_are():
    assert "kubectl ns-debug -n shop pod/web -- ss -tlnp\n" in notes("ns-debug")
    assert ("kubectl ns-debug -n shop pod/web --agent-namespace tools -- ss -tlnp\n"
            in notes("tools"))


def test_two_releases_do_not_collide():
    def names(release: str) -> set[tuple[str, str]]:
        done = helm.run("template", release, helm.CHART, "--set", "userRoles.create=false",
                        "--set", "userRoles.createPlugin=false", "--set", "tls.mode=secret",
                        "--set", f"tls.secretName={release}")
        return {(item["kind"], item["metadata"]["name"])
                for item in yaml.safe_load_all(done.stdout) if item}

    assert names("one") and not names("one") & names("two")
