"""The guest's second disk: the programs under test as this machine built them, and what they need;
or what makes the guest a node.

It is made at every boot, in a second or two, so that a guest never runs yesterday's programs.
"""

import pathlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping

from bed import image

_TESTS = pathlib.Path(__file__).parents[1]
_GUEST = pathlib.Path(__file__).parent / "guest"
# Tests of what only the guest has: they run there, beside those that run everywhere.
_GUEST_TESTS = pathlib.Path(__file__).parent / "guest_tests"
# Where the guest mounts it.
MOUNT_POINT = "/host"
# Room for the file system's own tables.
_SPARE_MEGABYTES = 16

# The guest's C library is newer than the one ns-resolve was built with; with its loader and
# libraries from here it is the program that ships, not one of another build.
_WRAPPER = f"""\
#!/bin/sh
exec {MOUNT_POINT}/lib/{{loader}} --library-path {MOUNT_POINT}/lib \\
  {MOUNT_POINT}/libexec/ns-debug/ns-resolve.real "$@"
"""


def write(path: pathlib.Path, build_dir: pathlib.Path | None,
          files: Mapping[str, pathlib.Path]) -> None:
    """Writes the disk to `path`, with the programs of the build folder, if given, their tests, and
    `files` by their names on it."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="programs-") as temporary:
        # An own folder inside: mke2fs takes the mode of the root directory from it.
        folder = pathlib.Path(temporary) / "root"
        folder.mkdir(mode=0o755)
        shutil.copytree(_GUEST, folder / "guest")
        if build_dir is not None:
            _copy_programs(build_dir, folder)
            _copy_tests(folder / "tests")
            _compile_test_programs(folder / "programs")
        for name, source in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
        image.write_archive(folder / "images.tar")
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        megabytes = (size >> 20) * 5 // 4 + _SPARE_MEGABYTES
        subprocess.run(
            ["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", str(folder),
             str(path), f"{megabytes}M"], check=True, stdout=subprocess.DEVNULL)


def _copy_programs(build_dir: pathlib.Path, folder: pathlib.Path) -> None:
    private = folder / "libexec/ns-debug"
    for place in (folder / "bin", private, folder / "lib"):
        place.mkdir(parents=True)
    _copy_stripped(build_dir / "bin/ns-enter", folder / "bin/ns-enter")
    resolver = build_dir / "libexec/ns-debug/ns-resolve"
    _copy_stripped(resolver, private / "ns-resolve.real")
    libraries = _libraries(resolver)
    for library in libraries:
        shutil.copy(library, folder / "lib" / library.name)
    loader = next(it.name for it in libraries if it.name.startswith("ld-linux"))
    wrapper = private / "ns-resolve"
    wrapper.write_text(_WRAPPER.format(loader=loader))
    wrapper.chmod(0o755)


def _copy_tests(folder: pathlib.Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for source in (_TESTS / "integration", _GUEST_TESTS):
        shutil.copytree(source, folder / "integration", ignore=ignored, dirs_exist_ok=True)
    shutil.copy(_TESTS / "must_run.py", folder)
    # Of the bed only what tests without one import: the rest needs gRPC, which the guest does
    # without.
    (folder / "bed").mkdir()
    (folder / "bed/__init__.py").touch()
    for name in ("fetch.py", "unavailable.py"):
        shutil.copy(_TESTS / "bed" / name, folder / "bed" / name)


def _compile_test_programs(folder: pathlib.Path) -> None:
    """What tests would compile where they run; guest/bin/gcc hands it out."""
    folder.mkdir()
    for source in (_TESTS / "integration/programs").glob("*.c"):
        subprocess.run(
            ["gcc", "-static", "-O1", "-o", str(folder / source.stem), str(source)], check=True)


def _copy_stripped(source: pathlib.Path, copy: pathlib.Path) -> None:
    # ns-enter copies itself into memory for every session: debugging symbols cost an emulated
    # machine more than the session.
    subprocess.run(["strip", "-o", str(copy), str(source)], check=True)


def _libraries(program: pathlib.Path) -> list[pathlib.Path]:
    told = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    # "libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x...)", the loader's without an arrow.
    return [pathlib.Path(path) for path in re.findall(r"(/\S+) \(0x", told)]
