"""The first commands of the README."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_quickstart_shows_what_listens_in_a_container_without_tools():
    result = subprocess.run([ROOT / "scripts" / "quickstart"], stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, check=False, timeout=800)
    assert result.returncode == 0, result.stdout + result.stderr
    by_hand, _, by_agent = result.stdout.partition("$ ns-debug-agent")
    for shown in (by_hand, by_agent):
        assert 'users:(("server",pid=1,' in shown, result.stdout + result.stderr
        assert "0.0.0.0:8080" in shown
    assert '"event":"closed"' in by_agent


def test_what_quickstart_has_built_can_be_installed(tmp_path):
    # After the test above, which has built it.
    result = subprocess.run(["cmake", "--install", "build/release", "--prefix", tmp_path], cwd=ROOT,
                            capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    programs = {path.name for path in (tmp_path / "bin").iterdir()}
    assert {"ns-enter", "ns-copy", "ns-debug-agent", "kubectl-ns_debug"} <= programs
    assert (tmp_path / "libexec" / "ns-debug" / "ns-resolve").exists()
    assert (tmp_path / "share" / "man" / "man8" / "ns-enter.8").exists()
