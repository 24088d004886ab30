"""kubectl ns-debug cp: out of a container and into it, without tar there, and not out of bounds."""

import hashlib
import os
import pathlib
import pty
import shutil
import stat
import subprocess
import tarfile
import tempfile

import pytest
from agent import EVERYTHING, NODE, TOKEN, Agent
from bed import Containerd
from conftest import BUILD_DIR

LOOKER = {"token": "a-token-of-somebody-who-may-look", "user": "looker",
          "rules": [{"verbs": ["get", "list"], "resources": ["pods"]}]}
_SECONDS = 120
_BIG = 64 << 20
# In the container's /data. Two links lead out of it, one to a file that the container has and the
# node has otherwise.
_FILES = """
mkdir -p /data/folder/sub /data/locked /etc
echo hello >/data/folder/file
chmod 640 /data/folder/file
touch -d '2020-01-02 03:04:05' /data/folder/file
: >/data/folder/empty
echo '#!/bin/sh' >/data/folder/sub/program
chmod 4755 /data/folder/sub/program
chmod 500 /data/folder/sub
ln -s ../file /data/folder/sub/back
ln -s /etc/shadow /data/folder/away
ln -s /nowhere /data/folder/dangling
echo of the container >/etc/of-this-test
ln -s /../../../etc/of-this-test /data/out
ln -s /etc /data/etc
mkfifo /data/fifo
printf 'n\\344me' >/data/name
touch "/data/folder/$(cat /data/name)"
head -c 64m /dev/urandom >/data/big
"""


class Setup:
    """An agent, a container to copy from, and a folder on this side."""

    def __init__(self, agent: Agent, tools: str):
        self.agent = agent
        self.tools = tools  # a folder with ns-copy in it

    def command(self, *arguments: str, token: str = TOKEN, tools: bool = True) -> dict:
        """How the plugin is started. In the agent's image ns-copy is on the PATH of sessions."""
        kept = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
        path = ["--env", f"PATH={self.tools}:/usr/bin:/bin"] if tools else []
        return {"args": [str(BUILD_DIR / "bin" / "kubectl-ns_debug"), "--agent",
                         f"https://localhost:{self.agent.port}", "--agent-ca", str(self.agent.ca),
                         "--server", "https://localhost:1", "--token", token, "-n", "shop", *path,
                         "cp", *arguments],
                "env": {**kept, "HOME": str(self.agent.path)}, "stdin": subprocess.DEVNULL}

    def run(self, *arguments: str, **options):
        """The plugin's end."""
        return subprocess.run(**self.command(*arguments, **options), capture_output=True,
                              text=True, timeout=_SECONDS, check=False)

    def copy(self, *arguments: str) -> None:
        """A copy that goes well and says nothing."""
        result = self.run(*map(str, arguments))
        assert (result.returncode, result.stdout, result.stderr) == (0, "", ""), result

    def inside(self, script: str) -> str:
        """What a shell in the container prints."""
        answer = self.agent.exec("shop/web", ["sh", "-c", script], view="container").json()
        assert answer["exitCode"] == 0, answer
        return answer["stdout"]


@pytest.fixture(scope="module")
def setup():
    with Containerd("2.1") as bed:
        bed.run_container(bed.run_pod("shop", "web"), "app", image="busybox")
        bed.run_container(bed.run_pod("shop", "bare"), "app", image="distroless",
                          readonly_rootfs=True)
        tokens = [{"token": TOKEN, "user": "admin", "rules": EVERYTHING}, LOOKER]
        # Sessions have a /tmp of their own, and the build may be in it.
        with tempfile.TemporaryDirectory(dir="/var/tmp") as tools, \
                Agent(BUILD_DIR, bed.endpoint, tokens=tokens) as agent:
            shutil.copy(BUILD_DIR / "bin" / "ns-copy", tools)
            one = Setup(agent, tools)
            one.inside(_FILES)
            yield one


def mode(path: pathlib.Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_file(setup, tmp_path):
    setup.copy("pod/web:/data/folder/file", tmp_path)
    copy = tmp_path / "file"
    assert copy.read_text() == "hello\n"
    assert mode(copy) == 0o640
    assert copy.stat().st_mtime == float(setup.inside("stat -c %Y /data/folder/file"))
    setup.copy("web:/data/folder/file", tmp_path / "renamed")
    assert (tmp_path / "renamed").read_text() == "hello\n"


def test_a_folder(setup, tmp_path):
    result = setup.run("web:/data/folder", str(tmp_path))
    assert (result.returncode, result.stderr) == (0, ""), result
    folder = tmp_path / "folder"
    names = sorted(os.fsencode(path.relative_to(folder)) for path in folder.rglob("*"))
    assert names == sorted([b"away", b"dangling", b"empty", b"file", b"n\xe4me", b"sub",
                            b"sub/back", b"sub/program"])
    assert (folder / "empty").read_bytes() == b""
    # Whose rights it had does not come along.
    assert (mode(folder / "sub"), mode(folder / "sub" / "program")) == (0o500, 0o755)
    # Links are copied as what they are.
    assert os.readlink(folder / "away") == "/etc/shadow"
    assert os.readlink(folder / "sub" / "back") == "../file"
    assert os.readlink(folder / "dangling") == "/nowhere"
    again = setup.run("web:/data/folder", str(tmp_path / "other"))
    assert again.returncode == 0
    assert (tmp_path / "other" / "file").read_text() == "hello\n"


def test_a_large_file_is_the_same(setup, tmp_path):
    setup.copy("web:/data/big", tmp_path / "big")
    data = (tmp_path / "big").read_bytes()
    assert len(data) == _BIG
    assert setup.inside("sha256sum /data/big").split()[0] == hashlib.sha256(data).hexdigest()


def test_a_link_does_not_lead_out_of_the_target(setup, tmp_path):
    setup.copy("web:/data/out", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "of the container\n"
    setup.copy("web:/data/etc/of-this-test", tmp_path / "again")
    assert (tmp_path / "again").read_text() == "of the container\n"
    result = setup.run("web:/../../../etc/shadow", str(tmp_path / "shadow"))
    assert result.returncode == 1
    assert not (tmp_path / "shadow").exists()
    assert "no such file" in result.stderr.lower()


def test_a_file_whose_size_the_kernel_does_not_tell(setup, tmp_path):
    setup.copy("web:/proc/version", tmp_path)
    assert (tmp_path / "version").read_text() == pathlib.Path("/proc/version").read_text()


def test_a_container_without_anything_and_read_only(setup, tmp_path):
    setup.copy("bare:/server", tmp_path)
    assert (tmp_path / "server").read_bytes()[:4] == b"\x7fELF"
    (tmp_path / "new").write_text("new")
    result = setup.run(str(tmp_path / "new"), "bare:/new")
    assert result.returncode == 1
    assert "read-only file system" in result.stderr.lower()


def test_into_a_container(setup, tmp_path):
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "text").write_text("from outside\n")
    (source / "inner" / "program").write_bytes(os.urandom(3 << 20))
    (source / "inner" / "program").chmod(0o4750)
    (source / "link").symlink_to("inner/text")
    setup.copy(source, "web:/tmp-of-this-test")
    told = setup.inside("cd /tmp-of-this-test; cat link; sha256sum <inner/program; "
                        "stat -c %a inner/program; readlink link")
    digest = hashlib.sha256((source / "inner" / "program").read_bytes()).hexdigest()
    assert told.split() == ["from", "outside", digest, "-", "750", "inner/text"]
    # Into a folder that is there, under its own name.
    setup.copy(source / "inner" / "text", "web:/tmp-of-this-test")
    assert setup.inside("cat /tmp-of-this-test/text") == "from outside\n"
    # Through a link that the target has, in the target.
    setup.copy(source / "inner" / "text", "web:/data/etc/came")
    assert setup.inside("cat /etc/came") == "from outside\n"
    assert not pathlib.Path("/etc/came").exists()


def test_a_file_is_replaced_and_a_link_is_not_followed(setup, tmp_path):
    (tmp_path / "new").write_text("new\n")
    setup.inside("echo a long old text >/data/replaced; echo kept >/data/kept; "
                 "ln -sf /data/kept /data/trap")
    setup.copy(tmp_path / "new", "web:/data/replaced")
    assert setup.inside("cat /data/replaced") == "new\n"
    result = setup.run(str(tmp_path / "new"), "web:/data/trap")
    assert result.returncode == 1
    assert "/data" not in setup.inside("cat /data/kept")
    assert setup.inside("cat /data/kept") == "kept\n"


def test_what_is_no_file_is_told_and_the_rest_is_copied(setup, tmp_path):
    result = setup.run("web:/data/fifo", str(tmp_path / "fifo"))
    assert result.returncode == 1
    assert "neither a file nor a folder" in result.stderr
    setup.inside("mkdir -p /data/mixed; mkfifo /data/mixed/pipe 2>/dev/null; echo x >/data/mixed/x")
    result = setup.run("web:/data/mixed", str(tmp_path))
    assert result.returncode == 1
    assert "mixed/pipe: is neither a file" in result.stderr
    assert (tmp_path / "mixed" / "x").read_text() == "x\n"


def test_a_node(setup, tmp_path):
    setup.copy(f"node/{NODE}:/proc/version", tmp_path)
    assert (tmp_path / "version").read_text() == pathlib.Path("/proc/version").read_text()


def test_the_archive_is_what_others_can_read(setup, tmp_path):
    agent = setup.agent
    answer = agent.exec("shop/web", ["sh", "-c", f"{setup.tools}/ns-copy read /data/folder | "
                                     "base64 -w0"]).json()
    assert answer["exitCode"] == 0, answer
    encoded = tmp_path / "encoded"
    encoded.write_text(answer["stdout"])
    archive = tmp_path / "archive"
    with open(archive, "wb") as out:
        subprocess.run(["base64", "-d", str(encoded)], stdout=out, check=True)
    with tarfile.open(archive, encoding="utf-8", errors="surrogateescape") as tar:
        names = [member.name for member in tar.getmembers()]
        assert names[0] == "folder"
        assert set(names[1:]) == {f"folder/{name}" for name in (
            "away", "dangling", "empty", "file", "n\udce4me", "sub", "sub/back", "sub/program")}
        assert tar.extractfile("folder/file").read() == b"hello\n"
    assert subprocess.run(["tar", "tf", str(archive)], capture_output=True,
                          check=True).stdout.count(b"\n") == len(names)


def test_progress_on_a_terminal(setup, tmp_path):
    master, slave = pty.openpty()
    with os.fdopen(slave, "wb") as terminal:
        process = subprocess.Popen(**setup.command("web:/data/big", str(tmp_path / "big")),
                                   stdout=subprocess.DEVNULL, stderr=terminal)
    text = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        text += piece
    os.close(master)
    assert process.wait(_SECONDS) == 0
    assert b"MiB" in text
    assert text.endswith(b"\r\x1b[K")


@pytest.mark.parametrize("arguments, code, why", [
    (["a", "b"], 1, "expected one TARGET:PATH and one local path"),
    (["web:/a", "web:/b"], 1, "expected one TARGET:PATH"),
    (["web:a", "b"], 1, "begins with /"),
    (["./nothing-there", "web:/b"], 1, "nothing-there"),
    (["web:/a", "/no/such/folder/x"], 1, "/no/such/folder"),
    (["web:/none", "."], 1, "/none"),
    (["none:/a", "."], 242, "no pod shop/none"),
])
def test_what_cannot_be_copied(setup, arguments, code, why):
    result = setup.run(*arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert why in result.stderr


def test_who_may_not_exec_may_not_copy(setup, tmp_path):
    result = setup.run("web:/data/folder/file", str(tmp_path), token=LOOKER["token"])
    assert result.returncode == 241
    assert 'cannot create resource "pods/exec"' in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_agent_without_the_tool_is_told_from_a_file_that_is_missing(setup, tmp_path):
    result = setup.run("web:/data/folder/file", str(tmp_path), tools=False)
    assert result.returncode == 244
    assert "ns-copy is not among the agent's tools" in result.stderr
