"""One emulated machine: booted by entering a `with`, gone at its end, commands in between.

    with Vm(build_dir) as vm:
        code, stdout, stderr = vm.run("uname -r")

Nothing of the guest is kept: its disk is written to a file that nobody else sees and that is gone
with qemu. All ways in are Unix sockets in a private folder, unless it is given a network.
"""

import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import types
from collections.abc import Mapping
from typing import NamedTuple

from bed import bed_name, stop_signals
from bed.deadline import DeadlineExceeded, wait_until
from bed.unavailable import Unavailable

from . import disk, program_disk

_PREFIX = "vm-"
_QEMU = "qemu-system-x86_64"
_MEMORY_MEGABYTES = 2048
# Emulation takes a few seconds for a boot and one for a session on an idle machine; on a busy one
# twenty times as long was seen.
_BOOT_SECONDS = 480
_COMMAND_SECONDS = 240
_START_SECONDS = 15
# On top of a command's own time, for the guest to answer that it was over.
_ANSWER_SECONDS = 20
_CONSOLE_LINES = 30


class Result(NamedTuple):
    """How a command in the guest ended: 124 means its time was over, -N signal N."""

    code: int
    stdout: str
    stderr: str


class Network(NamedTuple):
    """Where the guest's eth0 ends: at a tap device in a network namespace."""

    namespace: pathlib.Path
    tap: str


class Vm:
    """A guest with the programs and tests of `build_dir` at /host/bin and /host/tests, if given,
    with `files` at their names below /host, and with `images`, the disk of a container runtime; one
    that has /host/node has that, too. Entering raises Unavailable where it cannot run; it goes on
    booting then, and the first command waits for it.

    One command at a time.
    """

    def __init__(self, build_dir: pathlib.Path | None,
                 files: Mapping[str, pathlib.Path] = types.MappingProxyType({}),
                 network: Network | None = None, images: pathlib.Path | None = None):
        self._build_dir = build_dir
        self._files = files
        self._network = network
        self._images = images
        self._is_up = False
        # Private; has the guest's logs.
        self.folder = pathlib.Path()
        self._qemu: subprocess.Popen | None = None
        self._channel: socket.socket | None = None
        self._pending = b""
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> "Vm":
        _require()
        sweep()
        self._cleanup.enter_context(stop_signals.raised())
        try:
            self._prepare()
            self._boot(disk.boot_files())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, value, trace) -> None:
        with stop_signals.deferred():
            self._cleanup.close()

    @property
    def runtime_endpoint(self) -> str:
        """The guest's container runtime, for one connection at a time."""
        return f"unix://{self.folder}/runtime"

    def run(self, command: str, timeout: float = _COMMAND_SECONDS) -> Result:
        """Runs a shell command in the guest as root, in /root, and waits for its end.

        Processes it leaves behind stay. Raises RuntimeError with the end of the console when the
        guest is gone or does not come up.
        """
        if not self._is_up:
            self._ask("true", _BOOT_SECONDS)
            self._is_up = True
        return self._ask(command, timeout)

    def check(self, command: str, timeout: float = _COMMAND_SECONDS) -> str:
        """As run(), for a command that must succeed; returns its standard output."""
        result = self.run(command, timeout)
        assert result.code == 0, f"{command}: {result}"
        return result.stdout

    def console(self) -> str:
        """The last lines of the guest's console."""
        with contextlib.suppress(FileNotFoundError):
            text = (self.folder / "console.log").read_text(errors="replace")
            return "\n".join(text.splitlines()[-_CONSOLE_LINES:])
        return ""

    def _ask(self, command: str, timeout: float) -> Result:
        request = json.dumps({"command": command, "timeout": timeout})
        try:
            self._channel.settimeout(timeout + _ANSWER_SECONDS)
            self._channel.sendall(request.encode() + b"\n")
            answer = json.loads(self._read_line())
        except BaseException as error:
            # An answer that came later would be taken for that to the next command.
            self._channel.close()
            if not isinstance(error, OSError):
                raise
            raise RuntimeError(f"guest, {command!r}: {error}\n{self.console()}") from None
        stdout, stderr = (base64.b64decode(answer[name]).decode(errors="replace")
                          for name in ("stdout", "stderr"))
        return Result(answer["code"], stdout, stderr)

    def _prepare(self) -> None:
        self.folder = _folder(_PREFIX + bed_name.new_name())
        self.folder.mkdir(mode=0o700)
        self._cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
        program_disk.write(self.folder / "programs.ext4", self._build_dir, self._files)

    def _boot(self, files: disk.BootFiles) -> None:
        with open(self.folder / "qemu.log", "wb") as log:
            self._qemu = subprocess.Popen(
                # Also when we are killed: nothing would end an emulator that nobody knows of.
                [*self._inside(), "setpriv", "--pdeathsig", "KILL", *self._command(files)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "TMPDIR": str(self.folder)},
            )
        self._cleanup.callback(self._stop)
        self._channel = socket.socket(socket.AF_UNIX)
        self._cleanup.callback(self._channel.close)
        try:
            wait_until(self._connected, _START_SECONDS, "qemu listens")
        except DeadlineExceeded as error:
            raise RuntimeError(f"{error}: {self._log()}") from None

    def _inside(self) -> list[str]:
        return ["nsenter", f"--net={self._network.namespace}"] if self._network else []

    def _command(self, files: disk.BootFiles) -> list[str]:
        command = [
            _QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            # Processors take turns: with a thread for each, one runs into code that another one
            # patches (static keys, as of the first device filter), and the kernel panics.
            "-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2",
            "-m", str(_MEMORY_MEGABYTES), "-kernel", str(files.kernel),
            # A kernel that waits for a few ticks of its timer panics when we get none on a busy
            # machine.
            "-initrd", str(files.initramfs),
            "-append", "console=ttyS0 panic=-1 quiet no_timer_check",
            "-serial", f"file:{self.folder}/console.log",
            # What the guest writes goes into a file without a name, in TMPDIR.
            "-drive", f"file={files.root},if=virtio,format=raw,snapshot=on",
            "-drive", f"file={self.folder}/programs.ext4,if=virtio,format=raw,readonly=on",
            "-device", "virtio-serial-pci",
            "-chardev", f"file,id=log,path={self.folder}/guest.log",
            "-device", "virtserialport,chardev=log,name=ns-debug.log",
        ]
        if self._images:
            command += ["-drive", f"file={self._images},if=virtio,format=raw,snapshot=on"]
        if self._network:
            tap = f"tap,id=network,ifname={self._network.tap},script=no,downscript=no"
            command += ["-netdev", tap, "-device", "virtio-net-pci,netdev=network,romfile="]
        for name in ("commands", "runtime"):
            path = self.folder / name
            command += ["-chardev", f"socket,id={name},path={path},server=on,wait=off",
                        "-device", f"virtserialport,chardev={name},name=ns-debug.{name}"]
        return command

    def _connected(self) -> bool:
        if self._qemu.poll() is not None:
            raise RuntimeError(f"qemu ended: {self._log()}")
        return self._channel.connect_ex(str(self.folder / "commands")) == 0

    def _log(self) -> str:
        return (self.folder / "qemu.log").read_text(errors="replace").strip()

    def _read_line(self) -> bytes:
        while b"\n" not in self._pending:
            data = self._channel.recv(65536)
            if not data:
                raise ConnectionError("the guest is gone")
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def _stop(self) -> None:
        # Nothing in the guest is to be kept, so there is nothing to shut down.
        self._qemu.kill()
        self._qemu.wait()


def sweep() -> None:
    """Removes the folders of machines whose owner was killed; their qemu died with it."""
    for path in _folder("").glob(f"{_PREFIX}nsdbg-*"):
        name = path.name.removeprefix(_PREFIX)
        if bed_name.PATTERN.fullmatch(name) and not bed_name.owner_is_alive(name):
            shutil.rmtree(path, ignore_errors=True)


def _folder(name: str) -> pathlib.Path:
    return pathlib.Path(tempfile.gettempdir()) / name


def _require() -> None:
    if os.geteuid() != 0:
        raise Unavailable("building the disk of a virtual machine needs root")
    for program in (_QEMU, "strip", "ldd"):
        if shutil.which(program) is None:
            raise Unavailable(f"{program} is missing, run scripts/install-deps")
    if not re.fullmatch("x86_64|AMD64", os.uname().machine):
        raise Unavailable("the virtual machine is an x86_64, with this machine's programs in it")
