"""The images that the Dockerfile makes: what is in them, what is not, and how they say what they
are. That they run is what all the other tests show."""

import json
import re
import shutil
import subprocess
import tarfile

import agent_image
import pytest

VERSION = re.search(r"project\(ns-debug VERSION (\S+)",
                    (agent_image.ROOT / "CMakeLists.txt").read_text())[1]
PROGRAMS = ["usr/bin/ns-debug-agent", "usr/bin/ns-enter", "usr/libexec/ns-debug/ns-resolve"]
TOOLS = ["usr/bin/dig", "usr/bin/tcpdump", "usr/bin/strace", "usr/bin/ss", "usr/sbin/nft"]
# Of one machine, one moment or one download only.
LEFTOVER = re.compile(r"var/(lib/apt/lists|log|cache)/.+|tmp/.+|src(/.*)?|root/.+cache.*|.*\.pyc"
                      r"|var/lib/dpkg/.*-old")


@pytest.fixture(scope="module", params=agent_image.TARGETS, name="target")
def target_fixture(request, archives) -> str:
    if request.param not in archives:
        pytest.skip("NS_DEBUG_AGENT_IMAGE is set")
    return request.param


@pytest.fixture(scope="module", name="root")
def root_fixture(target, archives, tmp_path_factory):
    """The files of an image."""
    folder = tmp_path_factory.mktemp(target)
    root = folder / "root"
    root.mkdir()
    with tarfile.open(archives[target]) as archive:
        archive.extractall(folder / "archive")
    manifest, = json.loads((folder / "archive" / "manifest.json").read_text())
    for layer in manifest["Layers"]:
        subprocess.run(["tar", "-C", root, "-xf", folder / "archive" / layer], check=True)
        # What a layer removes of those below it.
        for mark in list(root.rglob(".wh.*")):
            mark.unlink()
            removed = mark.with_name(mark.name.removeprefix(".wh."))
            if removed.is_dir() and not removed.is_symlink():
                shutil.rmtree(removed)
            else:
                removed.unlink(missing_ok=True)
    return root


def inside(root, *command: str) -> subprocess.CompletedProcess:
    return subprocess.run(["chroot", root, *command], capture_output=True, text=True, check=False)


def test_starts_the_agent_and_no_shell(target):
    config = agent_image.config(target)
    assert config["Entrypoint"] == ["/usr/bin/ns-debug-agent"]
    assert not config.get("Cmd")
    assert config["User"] == "0:0"


def test_says_what_it_is(target):
    labels = agent_image.config(target)["Labels"]
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}version"] == VERSION
    assert labels[f"{prefix}licenses"] == "Apache-2.0"
    assert labels[f"{prefix}title"] and labels[f"{prefix}description"]


def test_the_programs_run_in_it(root):
    for program in PROGRAMS:
        assert (root / program).stat().st_mode & 0o111
    assert inside(root, "/usr/bin/ns-debug-agent", "--version").stdout.strip().endswith(VERSION)
    assert inside(root, "/usr/bin/ns-enter", "--version").stdout.split()[1] == VERSION
    # Started without its socket it says so: with a library missing it could not.
    told = inside(root, "/usr/libexec/ns-debug/ns-resolve")
    assert told.returncode not in (126, 127) and "shared libraries" not in told.stderr, told


def test_tools_and_a_shell_are_in_one_of_them_only(target, root):
    for path in [*TOOLS, "bin/sh"]:
        assert (root / path).exists() == (target == "agent"), path


def test_nothing_of_the_build_or_the_machine_is_in_it(root):
    files = subprocess.run(["find", root, "-mindepth", "1", "-printf", "%P\\n"],
                           capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(files) > 50
    assert [name for name in files if LEFTOVER.fullmatch(name)] == []


def test_licences_are_in_it(root):
    assert "Apache License" in (root / "usr/share/doc/ns-debug/copyright").read_text()
    assert "OpenSSL" in (root / "usr/share/doc/libssl3/copyright").read_text()


def test_scanners_find_the_packages_in_it(target, root):
    known = ((root / "var/lib/dpkg/status").read_text() if target == "agent" else
             "".join(path.read_text() for path in (root / "var/lib/dpkg/status.d").iterdir()))
    for package in ("libc6", "libssl3", "libgrpc++1.51"):
        assert f"Package: {package}\n" in known


def test_the_page_has_every_tool():
    dockerfile = (agent_image.ROOT / "Dockerfile").read_text()
    listed = dockerfile[dockerfile.index("# Interfaces,"):dockerfile.index("rm -rf")]
    tools = {word for line in listed.splitlines() if not line.lstrip().startswith("#")
             for word in re.findall(r"[a-z][a-z0-9-]+", line)}
    page = (agent_image.ROOT / "docs" / "image.md").read_text()
    assert set(re.findall(r"(?m)^\| `([a-z0-9-]+)` \|", page)) - set(agent_image.TARGETS) == tools
