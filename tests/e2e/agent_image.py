"""The agent's images, built from the project's own Dockerfile once for each state of its sources.
"""

import pathlib

import buildah

ROOT = pathlib.Path(__file__).resolve().parents[2]
# As the registry of docs/install.md would have it.
REPOSITORY = "registry.example.com/ns-debug-agent"
TARGETS = ("agent", "agent-slim")


def reference(target: str) -> str:
    """The name that pods have for the image of a stage."""
    return f"{REPOSITORY}:{target}"


def build(target: str) -> None:
    """Builds the image of a stage, or finds that nothing of it has changed."""
    buildah.build(ROOT, target, reference(target))


def export(target: str, archive: pathlib.Path) -> None:
    """Writes an image that was built to a docker-archive."""
    buildah.export(reference(target), archive, reference(target))


def config(target: str) -> dict:
    """Its configuration: labels, entry point, user."""
    return buildah.inspect(reference(target))["config"]
