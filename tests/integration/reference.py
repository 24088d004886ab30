"""ns-enter and util-linux nsenter side by side: runs each, and says what its command found."""

import dataclasses
import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

import pytest
from bed import fetch
from bed.unavailable import Unavailable

INSTALLED = "2.38"
NEWEST = "2.42"
TIMEOUT_SECONDS = 30

# One process from the first line to the last: a shell whose builtins read, then ls in its place. So
# all of it is true of the very process that was entered, with -F too. Works in busybox.
_PROBE = """
while read -r line; do echo "status $line"; done < /proc/self/status
while read -r line; do echo "time $line"; done < /proc/self/timens_offsets
while read -r line; do echo "cgroup $line"; done < /proc/self/cgroup
read -r line < /proc/sys/kernel/hostname; echo "hostname $line"
read -r line; echo "stdin $line"
echo "pwd $(pwd)"
exec ls -l /proc/self/ns/ /proc/self/fd/ /proc/self/cwd /proc/self/root
"""
PROBE = ["sh", "-c", _PROBE]
_COMPARED_STATUS = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
                    "NoNewPrivs", "Seccomp", "SigBlk", "SigIgn", "SigPnd")


@dataclasses.dataclass(frozen=True)
class Run:
    """A program that has ended."""

    pid: int
    code: int  # negative: the signal that ended it
    stdout: str
    stderr: str


def run(command: Sequence[str], **options) -> Run:
    """Runs to the end, with "word" on stdin. `options` are Popen's."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               "text": True, "start_new_session": True, "errors": "replace", **options}
    with subprocess.Popen(command, **options) as process:
        try:
            text = "word\n" if process.stdin else None
            stdout, stderr = process.communicate(text, timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    return Run(process.pid, process.returncode, stdout or "", stderr or "")


@functools.cache
def _public_folder() -> tempfile.TemporaryDirectory:
    """Where every user can execute programs; removed when Python ends."""
    folder = tempfile.TemporaryDirectory(prefix="ns-enter-programs-")
    os.chmod(folder.name, 0o755)
    return folder


@functools.cache
def public_copy(program: str) -> str:
    """A copy of the program that other users reach too, wherever it was built."""
    copy = pathlib.Path(_public_folder().name) / pathlib.Path(program).name
    shutil.copy2(program, copy)
    copy.chmod(0o755)
    return str(copy)


@functools.cache
def _newest() -> tuple[str, ...]:
    try:
        loader, option, libraries, program = fetch.nsenter_242()
    except Unavailable as error:
        pytest.skip(str(error))
    copy = pathlib.Path(_public_folder().name) / "newest"
    shutil.copytree(libraries, copy)
    return (str(copy / pathlib.Path(loader).name), option, str(copy), public_copy(program))


def nsenter(version: str) -> list[str]:
    """The command of util-linux nsenter, INSTALLED or NEWEST."""
    return ["/usr/bin/nsenter"] if version == INSTALLED else list(_newest())


def _links(lines: list[str]) -> dict[str, str]:
    """NAME -> TARGET of ls -l, with what differs from run to run replaced."""
    links = {}
    for line in lines:
        if match := re.search(r"(\S+) -> (.*)$", line):
            # ls lists its own descriptors too, and has a pipe or socket of its own in each run.
            target = re.sub(r"(pipe|socket):\[\d+\]", r"\1", match[2])
            links[os.path.basename(match[1])] = re.sub(r"/proc/\d+", "/proc/SELF", target)
    return links


def findings(result: Run) -> dict:
    """What the probe saw, and how it ended; equal for two programs that do the same."""
    found: dict = {"code": result.code}
    links = []
    for line in result.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word == "status":
            key, _, value = rest.partition(":")
            if key in _COMPARED_STATUS:
                found[key] = value.strip()
            elif key == "NSpid":
                pids = value.split()
                found["pid namespaces deep"] = len(pids)
                found["forked"] = pids[0] != str(result.pid)
        elif word in ("time", "cgroup", "hostname", "stdin", "pwd"):
            found.setdefault(word, []).append(rest)
        else:
            links.append(line)
    found["links"] = _links(links)
    return found


def same(ns_enter: str, version: str, arguments: Sequence[str], *, prefix: Sequence[str] = (),
         command: Sequence[str] = PROBE, **options) -> dict:
    """Asserts that both programs do the same with these arguments; returns what the probe saw."""
    reference = run([*prefix, *nsenter(version), *arguments, *command], **options)
    ours = run([*prefix, public_copy(ns_enter), *arguments, *command], **options)
    assert findings(ours) == findings(reference), (ours.stderr, reference.stderr)
    # Texts differ, whether there is one does not. What ls cannot read, both report alike.
    assert bool(ours.stderr) == bool(reference.stderr), (ours.stderr, reference.stderr)
    return findings(ours)
