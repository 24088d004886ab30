"""The bed's images, made by hand: there is no registry, and none is needed.

`pause` is the sandbox image, `busybox` a workload with a shell, `distroless` a workload with one
static binary and nothing else: no shell, no /etc, no libc.
"""

import hashlib
import io
import json
import pathlib
import platform
import re
import shutil
import subprocess
import tarfile

from .unavailable import Unavailable

NAMES = ("pause", "busybox", "distroless")

_PROGRAMS = pathlib.Path(__file__).parent / "programs"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\n"
    "app:x:1000:1000:app:/home/app:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/:/bin/false\n"
)
_GROUP = "root:x:0:\napp:x:1000:\nwheel:x:10:app\nnogroup:x:65534:\n"


def reference(name: str) -> str:
    """The name under which the runtime knows a bed image; other names are returned unchanged."""
    # A host part keeps the runtime from taking it for docker.io's image of that name.
    return f"localhost/nsdbg/{name}:bed" if name in NAMES else name


def write_archive(path: pathlib.Path) -> None:
    """Writes all images as one docker-archive to `path`."""
    pause = _compile("pause", path.parent)
    server = _compile("server", path.parent)
    images = {
        "pause": (_layer({"pause": pause}), ["/pause"]),
        "busybox": (_busybox_layer(), ["/bin/sleep", "1000000"]),
        "distroless": (_layer({"server": server}), ["/server"]),
    }
    _write(path, {reference(name): image for name, image in images.items()})


def write_program_archive(path: pathlib.Path, tag: str, programs: dict[str, pathlib.Path]) -> None:
    """Writes an image to `path` that is busybox and programs of this machine: paths in the image to
    files here, with the shared libraries that they need."""
    files = dict(programs)
    for program in programs.values():
        files.update(_libraries(program))
    layer = _busybox_layer({name: path.read_bytes() for name, path in files.items()})
    _write(path, {tag: (layer, ["/bin/sh"])})


def _write(path: pathlib.Path, images: dict[str, tuple[bytes, list[str]]]) -> None:
    """A docker-archive of layers and entry points by their references."""
    manifest = []
    with tarfile.open(path, "w") as archive:
        for number, (tag, (layer, command)) in enumerate(images.items()):
            config = _config(layer, command)
            config_name = f"{hashlib.sha256(config).hexdigest()}.json"
            _add(archive, f"{number}/layer.tar", layer)
            _add(archive, config_name, config)
            manifest.append({"Config": config_name, "RepoTags": [tag],
                             "Layers": [f"{number}/layer.tar"]})
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _libraries(program: pathlib.Path) -> dict[str, pathlib.Path]:
    """The shared libraries of a program and its loader, by where it looks for them."""
    told = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    if told.returncode != 0:
        return {}  # a static one
    paths = re.findall(r"(/\S+) \(0x", told.stdout)
    return {path.lstrip("/"): pathlib.Path(path).resolve() for path in paths}


def _compile(name: str, folder: pathlib.Path) -> bytes:
    if shutil.which("gcc") is None:
        raise Unavailable("bed images: no gcc, run scripts/install-deps")
    output = folder / name
    command = ["gcc", "-Os", "-s", "-static", "-o", str(output), str(_PROGRAMS / f"{name}.c")]
    subprocess.run(command, check=True)
    binary = output.read_bytes()
    output.unlink()
    return binary


def _busybox_layer(further: dict[str, bytes] | None = None) -> bytes:
    program = shutil.which("busybox")
    if program is None:
        raise Unavailable("bed images: no busybox, run scripts/install-deps")
    if b"/ld-linux" in pathlib.Path(program).read_bytes():
        raise Unavailable(f"bed images: {program} is not static, run scripts/install-deps")
    applets = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    links = {f"bin/{name}": "busybox" for name in applets.stdout.split() if name != "busybox"}
    files = {
        "bin/busybox": pathlib.Path(program).read_bytes(),
        "etc/passwd": _PASSWD.encode(),
        "etc/group": _GROUP.encode(),
        **(further or {}),
    }
    return _layer(files, links, folders={"bin": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777})


def _layer(files: dict, links: dict | None = None, folders: dict | None = None) -> bytes:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        for name, mode in (folders or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            archive.addfile(entry)
        for name, content in files.items():
            _add(archive, name, content, 0o644 if name.startswith("etc/") else 0o755)
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return layer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _config(layer: bytes, command: list[str]) -> bytes:
    machine = platform.machine()
    document = {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {
            "Entrypoint": command,
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"],
            "WorkingDir": "/",
        },
        # The image store finds a layer by the digest of its uncompressed bytes.
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    return json.dumps(document).encode()
