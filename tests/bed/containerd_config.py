"""containerd's configuration for a bed: everything it writes is below the bed's folder."""

import json
import pathlib
import subprocess

from . import image
from .leftovers import BRIDGE

# Where Debian's containernetworking-plugins puts them.
CNI_PLUGINS = "/usr/lib/cni"
# Inside the bed's network namespace, so the same for every bed.
_POD_SUBNET = "10.250.0.0/24"

# Those with folders or sockets outside of the bed's, and snapshotters that probe for devices.
_DISABLED = [
    "io.containerd.internal.v1.opt",
    "io.containerd.nri.v1.nri",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.blockfile",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.erofs",
    "io.containerd.snapshotter.v1.zfs",
]

_COMMON = """\
version = {format}
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = {disabled}
[grpc]
  address = "{folder}/containerd.sock"
"""

# restrict_oom_score_adj: without CAP_SYS_RESOURCE, runc may not lower the score of a sandbox and
# dies before the container starts.
_RUNTIME = """\
[plugins."{runtime}"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins."{runtime}".cni]
  {bin_dir}
  conf_dir = "{folder}/cni"
[plugins."{runtime}".containerd]
  default_runtime_name = "runc"
[plugins."{runtime}".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."{runtime}".containerd.runtimes.runc.options]
  Root = "{folder}/runc"
"""

# Limits and umask, of which CRI knows nothing, come from a specification that all others of this
# runtime handler are made from.
_LIMITED = """\
[plugins."{runtime}".containerd.runtimes.limited]
  runtime_type = "io.containerd.runc.v2"
  base_runtime_spec = "{folder}/limited.json"
[plugins."{runtime}".containerd.runtimes.limited.options]
  Root = "{folder}/runc"
"""

# Lower than anybody's: no SYS_RESOURCE is needed. name: (soft, hard)
_LIMITS = {"RLIMIT_NOFILE": (101, 202), "RLIMIT_CORE": (0, 4096), "RLIMIT_NPROC": (999, 1001)}
_UMASK = 0o027

# The runc shim drives runsc: Debian ships no shim of gVisor's own.
_GVISOR = """\
[plugins."{runtime}".containerd.runtimes.runsc]
  runtime_type = "io.containerd.runc.v2"
[plugins."{runtime}".containerd.runtimes.runsc.options]
  BinaryName = "{folder}/runsc"
  Root = "{folder}/gvisor"
"""

# systrap needs no KVM; no cgroups, because runsc knows no hybrid hierarchy; no network, because
# its own stack would need raw access to the pod's interface. The shim reads the output of `start`
# to its end, and the file server that runsc leaves behind for a second container holds it open:
# without the redirection every start hangs. Errors still reach the shim through --log.
_WRAPPER = """\
#!/bin/sh
case " $* " in *" start "*) exec >/dev/null 2>&1 ;; esac
exec {runsc} --platform=systrap --ignore-cgroups --network=none "$@"
"""

_IMAGES_V2 = """\
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
"""

_IMAGES_V3 = """\
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "{pause}"
"""


def write(folder: pathlib.Path, version: str, runsc: pathlib.Path | None) -> pathlib.Path:
    """Writes containerd's configuration, CNI's, and gVisor's wrapper; returns the first's path."""
    is_v3 = not version.startswith("1.")
    values = {
        "folder": folder,
        "format": 3 if is_v3 else 2,
        "disabled": json.dumps(_DISABLED),
        "runtime": "io.containerd.cri.v1.runtime" if is_v3 else "io.containerd.grpc.v1.cri",
        "bin_dir": f'bin_dirs = ["{CNI_PLUGINS}"]' if is_v3 else f'bin_dir = "{CNI_PLUGINS}"',
        "pause": image.reference("pause"),
    }
    parts = [_COMMON, _RUNTIME, _LIMITED]
    if is_v3:
        parts.append(_IMAGES_V3)
    else:
        # One table of the file may be opened only once, and 1.x has both in the same.
        parts[1] = _RUNTIME.replace('[plugins."{runtime}"]\n', _IMAGES_V2, 1)
    if runsc is not None:
        parts.append(_GVISOR)
        _write_wrapper(folder / "runsc", runsc)
    _write_cni(folder)
    path = folder / "config.toml"
    path.write_text("".join(parts).format(**values))
    return path


def write_limited(folder: pathlib.Path, ctr: pathlib.Path) -> None:
    """Writes the specification of the runtime handler "limited", from containerd's default one."""
    told = subprocess.run([ctr, "oci", "spec"], capture_output=True, check=True, timeout=10)
    spec = json.loads(told.stdout)
    spec["process"]["rlimits"] = [{"type": name, "soft": soft, "hard": hard}
                                  for name, (soft, hard) in _LIMITS.items()]
    spec["process"]["user"]["umask"] = _UMASK
    (folder / "limited.json").write_text(json.dumps(spec))


def _write_wrapper(path: pathlib.Path, runsc: pathlib.Path) -> None:
    path.write_text(_WRAPPER.format(runsc=runsc))
    path.chmod(0o755)


def _write_cni(folder: pathlib.Path) -> None:
    plugin = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": _POD_SUBNET}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": str(folder / "cni-addresses"),
        },
    }
    # The bed's name as the network's: CNI writes it into the names of the results it keeps.
    conflist = {"cniVersion": "0.4.0", "name": folder.name, "plugins": [plugin]}
    (folder / "cni").mkdir()
    (folder / "cni/10-bed.conflist").write_text(json.dumps(conflist, indent=2))
