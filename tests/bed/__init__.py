"""The test bed: a real containerd with pods in it, on a bare machine, without leaving a trace.

With the folder `tests` on the module path:

    from bed import Containerd, Unavailable

Only Debian 12's packages are needed (scripts/install-deps); other versions of containerd, gVisor
and a current nsenter come from Debian's own newer suites, unpacked into a cache.
"""

from .containerd import Containerd, ExecResult, LeftoverError
from .leftovers import check_clean, sweep
from .pod import Container, ContainerSpec, Pod, PodSpec
from .unavailable import Unavailable

__all__ = [
    "Container",
    "ContainerSpec",
    "Containerd",
    "ExecResult",
    "LeftoverError",
    "Pod",
    "PodSpec",
    "Unavailable",
    "check_clean",
    "sweep",
]
