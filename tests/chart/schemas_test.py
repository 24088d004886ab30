"""What the chart makes for a version of Kubernetes is made of what that version knows."""

import json
import subprocess

import helm
import kubeconform
import pytest
import yaml
from bed import Unavailable

# Not of Kubernetes: their definitions are installed by others.
NOT_KUBERNETES = ("Certificate", "PodMonitor", "PrometheusRule")
CASES = [pytest.param(version, path, id=f"{version}-{path.stem if path else 'defaults'}")
         for version in kubeconform.VERSIONS for path in (None, *helm.VALUES)]


@pytest.fixture(scope="module", name="check")
def check_fixture(tmp_path_factory):
    """Checks objects against a version; what it complains about."""
    try:
        program = kubeconform.fetch_program()
        folders = {}
        kinds = {(item["apiVersion"], item["kind"])
                 for path in (None, *helm.VALUES) for item in helm.render(path)}
        kinds.add(("v1", "Namespace"))  # Of install.yaml.
        for version in kubeconform.VERSIONS:
            folders[version] = tmp_path_factory.mktemp("schemas")
            kubeconform.write_schemas(version, kinds, folders[version])
    except Unavailable as error:
        pytest.skip(str(error))

    def check(version: str, items: list[dict]) -> list[str]:
        location = f"{folders[version]}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
        done = subprocess.run(
            [program, "-schema-location", location, "-output", "json", "-summary",
             "-skip", ",".join(NOT_KUBERNETES), "-"],
            input=yaml.safe_dump_all(items), capture_output=True, text=True, check=False)
        told = json.loads(done.stdout)
        others = sum(item["kind"] in NOT_KUBERNETES for item in items)
        summary = told["summary"]
        assert summary["skipped"] == others and sum(summary.values()) == len(items), summary
        return [f"{found['kind']}: {found['msg']}" for found in told["resources"]]

    return check


@pytest.mark.parametrize("version, path", CASES)
def test_a_version_knows_what_is_rendered_for_it(check, version, path):
    assert check(version, helm.render(path, version)) == []


@pytest.mark.parametrize("version", kubeconform.VERSIONS)
def test_an_unknown_field_is_noticed(check, version):
    items = helm.render(None, version)
    helm.only(items, "DaemonSet")["spec"]["template"]["spec"]["hostPid"] = True
    complaint, = check(version, items)
    assert "DaemonSet" in complaint and "hostPid" in complaint


def without_apparmor(version: str) -> bool:
    return int(version.split(".")[1]) < 30


@pytest.mark.parametrize("version", kubeconform.VERSIONS)
def test_the_field_for_apparmor_is_unknown_to_old_versions(check, version):
    # This is why the chart looks at the version.
    complaints = check(version, helm.render(None, "1.36.2"))
    assert len(complaints) == without_apparmor(version)
    assert all("appArmorProfile" in complaint for complaint in complaints)


@pytest.mark.parametrize("version", kubeconform.VERSIONS)
def test_a_version_knows_the_manifests_but_for_that_field(check, version):
    # docs/install.md says which versions take install.yaml as it is.
    manifests = (helm.ROOT / "manifests" / name for name in ("install.yaml", "rbac-examples.yaml"))
    items = [item for path in manifests for item in yaml.safe_load_all(path.read_text()) if item]
    complaints = check(version, items)
    assert len(complaints) == without_apparmor(version)
    assert all("appArmorProfile" in complaint for complaint in complaints)
