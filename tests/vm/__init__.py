"""A second kind of node: a virtual machine with pure cgroup v2, AppArmor and the newest kernel.

With the folder `tests` on the module path:

    from vm import Unavailable, Vm

The machine is emulated, so it needs no virtualisation, only qemu and debootstrap
(scripts/install-deps) and Debian's archive for the first build.
"""

from bed.unavailable import Unavailable

from . import image_disk
from .node import Node
from .program_disk import MOUNT_POINT
from .vm import Network, Result, Vm

__all__ = ["MOUNT_POINT", "Network", "Node", "Result", "Unavailable", "Vm", "image_disk"]
