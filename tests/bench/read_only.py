"""Programs as an agent's pod has them: where nobody can write."""

import contextlib
import pathlib
import subprocess
import tempfile


@contextlib.contextmanager
def read_only(folder: pathlib.Path):
    """A folder once more, on a read-only mount. The caller has mounts of its own, or it would stay
    when the caller is killed."""
    with tempfile.TemporaryDirectory(prefix="ns-debug-bench-") as at:
        for options in (["--bind", folder, at], ["-o", "remount,bind,ro", at]):
            subprocess.run(["mount", *options], check=True)
        try:
            yield pathlib.Path(at)
        finally:
            subprocess.run(["umount", at], check=True)
