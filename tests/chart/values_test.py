"""Values that the chart refuses, and how it says so."""

import json

import helm
import pytest
import yaml

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nbm90\n-----END CERTIFICATE-----\n"
SECRET = {"tls.mode": "secret", "tls.secretName": "mine"}

# What contradicts itself; the value that the message must name, and what to do about it.
CONTRADICTIONS = {
    "sysadmin without privileges": (
        {"config.session.defaultProfile": "sysadmin"}, "config.session.defaultProfile",
        "set privileged to true"),
    "one port for two": (
        {"config.health.port": 8443}, "config.health.port", "change one of the two"),
    "probes on loopback": (
        {"config.health.address": "127.0.0.1"}, "config.health.address", "set it to 0.0.0.0"),
    "probes on loopback of IPv6": (
        {"config.health.address": "::1"}, "config.health.address", "set it to 0.0.0.0"),
    "more for one user than for all": (
        {"config.session.maxSessions": 10}, "config.session.maxSessionsPerUser", "lower the one"),
    "a burst below the rate": (
        {"config.server.requestBurst": 1}, "config.server.requestBurst", "raise the one"),
    "idle longer than it lasts": (
        {"config.session.idleTimeout": "1h1s"}, "config.session.idleTimeout", "lower the one"),
    "killed within its grace": (
        {"config.server.stopGrace": "30s"}, "terminationGracePeriodSeconds", "raise the one"),
    "longer than an agent lets anything last": (
        {"config.session.maxDuration": "200h"}, "config.session.maxDuration", "from 1s to 168h"),
    "no service account": (
        {"serviceAccount.create": False}, "serviceAccount.name", "name it"),
    "subjects of a role that is not made": (
        {"userRoles.createPlugin": False, "userRoles.pluginSubjects": [
            {"kind": "Group", "name": "sre"}]}, "userRoles.pluginSubjects", "remove them"),
    "an audit log in the read-only image": (
        {"config.audit.path": "/var/log/audit.log"}, "config.audit.path", "extraVolumeMounts"),
    "an audit log beside the volume": (
        {"config.audit.path": "/var/log/audit.log", "extraVolumeMounts": [
            {"name": "x", "mountPath": "/var/lo"}]}, "config.audit.path", "set it to -"),
    "an audit log in a volume that is read-only": (
        {"config.audit.path": "/var/log/audit.log", "extraVolumeMounts": [
            {"name": "x", "mountPath": "/var/log/", "readOnly": True}]}, "config.audit.path",
        "that it may write"),
    "an authority for a generated certificate": (
        {"tls.caCertificate": CERTIFICATE}, "tls.caCertificate", "remove it"),
    "an issuer for a generated certificate": (
        {"tls.certManager.issuerRef.name": "x"}, "tls.certManager.issuerRef.name", "remove it"),
    "cert-manager without an issuer": (
        {"tls.mode": "cert-manager"}, "tls.certManager.issuerRef.name", "name it"),
    "a secret without a name": ({"tls.mode": "secret"}, "tls.secretName", "name it"),
    "names for a certificate that is there": (
        {**SECRET, "tls.dnsNames": ["x.example"]}, "tls.dnsNames", "remove them"),
    "peers without a policy": (
        {"networkPolicy.healthFrom": [{"podSelector": {}}]}, "networkPolicy.healthFrom",
        "enable it"),
    "peers of an API on loopback": (
        {"networkPolicy.enabled": True, "networkPolicy.apiFrom": [{"podSelector": {}}]},
        "networkPolicy.apiFrom", "set config.server.address"),
    "a policy that shuts the API": (
        {"networkPolicy.enabled": True, "config.server.address": "0.0.0.0"},
        "networkPolicy.apiFrom", "name them"),
}

# What the schema refuses: the value, and the place that the message must name.
WRONG = {
    "an unknown value": ({"tolerance": []}, "tolerance"),
    "an unknown key of the agent": ({"config.server.adress": "::"}, "adress"),
    "a key that the chart decides": ({"config.standalone": True}, "standalone"),
    "an unknown TLS mode": ({"tls.mode": "none"}, "/tls/mode"),
    "an unknown profile": ({"config.session.defaultProfile": "root"},
                           "/config/session/defaultProfile"),
    "a word for a number": ({"config.server.port": "https"}, "/config/server/port"),
    "a port that is none": ({"config.server.port": 65536}, "/config/server/port"),
    "a duration without a unit that exists": ({"config.session.maxDuration": "1 day"},
                                              "/config/session/maxDuration"),
    "a size with a unit of another kind": ({"config.session.limits.memory": "512MB"},
                                           "/config/session/limits/memory"),
    "a name for an address": ({"config.server.address": "localhost"}, "/config/server/address"),
    "a word for a switch": ({"privileged": "yes"}, "/privileged"),
    "a socket in the root directory": ({"runtime.socket": "/containerd.sock"}, "/runtime/socket"),
    "a socket as an address": ({"runtime.socket": "unix:///run/containerd/containerd.sock"},
                               "/runtime/socket"),
    "a subject without a name": ({"userRoles.pluginSubjects": [{"kind": "User"}]},
                                 "/userRoles/pluginSubjects/0"),
    "a key for a certificate": ({**SECRET, "tls.caCertificate": "-----BEGIN PRIVATE KEY-----"},
                                "/tls/caCertificate"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_refused_with_its_remedy(case):
    values, place, remedy = CONTRADICTIONS[case]
    told = helm.refusal(values)
    line, = [line for line in told.splitlines() if "execution error" in line]
    assert place in line and remedy in line


def test_every_contradiction_has_its_case():
    checks = (helm.CHART / "templates" / "_check.tpl").read_text()
    # Loopback is one check for two addresses, the audit log's volume one for three cases.
    assert checks.count("{{- fail ") == len(CONTRADICTIONS) - 3


@pytest.mark.parametrize("case", WRONG)
def test_the_schema_refuses(case):
    values, place = WRONG[case]
    told = helm.refusal(values)
    assert "values don't meet the specifications of the schema" in told
    assert place in told.replace(".", "/")


def test_the_schema_knows_every_value_and_no_other():
    schema = json.loads((helm.CHART / "values.schema.json").read_text())
    values = yaml.safe_load((helm.CHART / "values.yaml").read_text())

    def compare(properties: dict, tree: dict, place: str) -> None:
        assert set(properties) - {"global"} == set(tree), place
        for key, value in tree.items():
            if "properties" in properties[key]:
                compare(properties[key]["properties"], value, f"{place}.{key}")
            else:
                assert not isinstance(value, dict) or "$ref" in properties[key], f"{place}.{key}"

    compare(schema["properties"], values, "values")


def test_the_schema_leaves_no_object_open():
    # Both are Kubernetes' own: the API server refuses what it does not know in them.
    may_be_open = {"/definitions/kubernetes", "/properties/global"}

    def check(node: object, place: str) -> None:
        if isinstance(node, dict):
            if node.get("type") == "object" and place not in may_be_open:
                is_list_of_kubernetes = place.endswith("/items") and set(node) == {"type"}
                assert "additionalProperties" in node or is_list_of_kubernetes, place
            for key, value in node.items():
                check(value, f"{place}/{key}")

    check(json.loads((helm.CHART / "values.schema.json").read_text()), "")
