"""A second kind of node: a virtual machine with pure cgroup v2, AppArmor and the newest kernel.

With the folder `tests` on the module path:

    from vm import Unavailable, Vm

The machine is emulated, so it needs no virtualisation, only qemu and debootstrap
(scripts/install-deps) and Debian's archive for the first build.
"""

from bed.unavailable import Unavailable

from .node import Node
from .vm import Result, Vm

__all__ = ["Node", "Result", "Unavailable", "Vm"]
