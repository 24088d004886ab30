"""kube-scheduler: which node a pod is for."""

import pathlib

from .component import Component
from .control_plane import ControlPlane

_PORT = 10259


class Scheduler(Component):
    """The scheduler with its own defaults."""

    def __init__(self, control_plane: ControlPlane, programs: pathlib.Path):
        super().__init__(control_plane, programs / "kube-scheduler", _PORT)
