"""Files that are made of others are up to date."""

import re
import shutil
import subprocess

import helm
import yaml


def test_the_readme_of_the_chart():
    done = subprocess.run([helm.ROOT / "scripts" / "render-chart-readme", "--check"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_readme_notices_a_new_value(tmp_path):
    for folder in ("charts", "scripts"):
        shutil.copytree(helm.ROOT / folder, tmp_path / folder)
    with open(tmp_path / "charts" / "ns-debug" / "values.yaml", "a") as values:
        values.write("# -- New.\nsomething: 1\n")
    done = subprocess.run([tmp_path / "scripts" / "render-chart-readme", "--check"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "run scripts/render-chart-readme" in done.stderr


def test_install_yaml(tmp_path):
    for folder in ("charts", "scripts"):
        shutil.copytree(helm.ROOT / folder, tmp_path / folder)
    (tmp_path / "manifests").mkdir()
    subprocess.run([tmp_path / "scripts" / "render-manifests", helm.program()], check=True)
    rendered = (tmp_path / "manifests" / "install.yaml").read_text()
    committed = (helm.ROOT / "manifests" / "install.yaml").read_text()
    assert rendered == committed, "run scripts/render-manifests"


def test_install_yaml_holds_no_key():
    for path in (helm.ROOT / "manifests").glob("*.yaml"):
        items = [item for item in yaml.safe_load_all(path.read_text()) if item]
        assert items and all(item["kind"] != "Secret" for item in items), path


def test_versions_are_those_of_the_project():
    version = re.search(r"project\(ns-debug VERSION (\S+)",
                        (helm.ROOT / "CMakeLists.txt").read_text())[1]
    chart = yaml.safe_load((helm.CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == version


def metrics() -> set[str]:
    text = (helm.ROOT / "agent" / "server" / "metrics.cc").read_text()
    return set(re.findall(r'"(ns_debug_[a-z_]+)"', text))


def used(text: str) -> set[str]:
    return {re.sub(r"_seconds_bucket$", "_seconds", name)
            for name in re.findall(r"\bns_debug_[a-z_]+", text)}


def test_the_dashboard_shows_every_metric_and_no_other():
    assert used((helm.CHART / "dashboards" / "ns-debug.json").read_text()) == metrics()


def test_alerts_are_about_metrics_that_exist():
    rule = helm.only(helm.render({"prometheusRule.enabled": True}), "PrometheusRule")
    alerts = rule["spec"]["groups"][0]["rules"]
    names = used(" ".join(alert["expr"] for alert in alerts))
    assert names and names <= metrics()
    # Helm's braces and Prometheus' are the same.
    assert "{{ $labels.node }}" in alerts[0]["annotations"]["summary"]
