"""A disk with a containerd's data: images that were unpacked on this machine, in seconds. The emulated
one would take a second for each megabyte.
"""

import pathlib
import subprocess
from collections.abc import Mapping

from bed import Containerd

# Like the guest's own, out of Debian's sid.
_VERSION = "2.1"
# For what the guest's containers write.
_SPARE_MEGABYTES = 512


def write(path: pathlib.Path, images: Mapping[str, pathlib.Path]) -> None:
    """Writes the disk to `path`, with the images of bed.image and those of `images`: archives by
    the reference that pods have for the image."""
    with Containerd(_VERSION) as bed:
        for reference, archive in images.items():
            bed.import_image(archive, reference)
        # Its database is whole whenever it dies.
        bed.kill_runtime()
        root = bed.folder / "root"
        told = subprocess.run(["du", "--summarize", "--block-size=1M", str(root)],
                              capture_output=True, text=True, check=True).stdout
        megabytes = int(told.split()[0]) * 5 // 4 + _SPARE_MEGABYTES
        subprocess.run(["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-d", str(root), str(path),
                        f"{megabytes}M"], check=True, stdout=subprocess.DEVNULL)
