"""The file that tells kubectl where the cluster is, and who is asking."""

import base64
import json
import pathlib

from .certificates import Certificate


def write(path: pathlib.Path, server: str, ca: pathlib.Path, user: Certificate) -> None:
    """Writes a kubeconfig with all certificates in it, so that it can be copied elsewhere."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {
            "server": server, "certificate-authority-data": _encoded(ca)}}],
        "users": [{"name": "test", "user": {
            "client-certificate-data": _encoded(user.certificate),
            "client-key-data": _encoded(user.key)}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=1) + "\n")  # JSON is YAML.


def _encoded(path: pathlib.Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
