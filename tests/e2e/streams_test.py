"""Bytes and exit codes through the API server: all of them, and the command's own."""

import concurrent.futures
import hashlib
import signal

import pods
import pytest

LINES = 2_000_000
TURNS = 100
GIBIBYTE = 1 << 30


@pytest.fixture(name="web")
def web_fixture(alice):
    """A run of alice's command in shop/web."""
    return lambda *arguments, **options: alice.run("-n", pods.SHOP, *arguments, **options)


@pytest.mark.parametrize("script, code", [
    ("exit 0", 0), ("exit 1", 1), ("exit 7", 7),
    # As a shell has it: there, and not executable; and not there.
    ("exec /etc/passwd", 126), ("exec /no/such/program", 127),
    ("kill -KILL $$", 128 + signal.SIGKILL), ("kill -TERM $$", 128 + signal.SIGTERM),
])
def test_exit_codes_of_a_command(web, script, code):
    done = web("web", "--", "sh", "-c", f"echo out; echo err >&2; {script}")
    assert (done.returncode, done.stdout) == (code, b"out\n")
    assert done.stderr.startswith(b"err\n")


@pytest.mark.parametrize("program, code", [("/etc/passwd", 126), ("/no/such/program", 127)])
def test_exit_codes_of_a_command_that_cannot_be_started(web, program, code):
    done = web("web", "--", program)
    assert (done.returncode, done.stdout) == (code, b"")
    assert program.encode() in done.stderr


def test_output_is_whole_and_the_same_each_time(web):
    expected = hashlib.sha256(b"".join(b"%d\n" % n for n in range(1, LINES + 1))).hexdigest()
    for _ in range(TURNS):
        done = web("web", "--", "seq", "1", str(LINES))
        assert done.returncode == 0, done.stderr
        assert hashlib.sha256(done.stdout).hexdigest() == expected


def test_a_gibibyte_goes_in_and_comes_back(alice):
    """Both at the same time, and no two blocks of it are the same."""
    block = bytes(range(256)) * 4096
    sent, received = hashlib.sha256(), hashlib.sha256()

    def send(pipe) -> None:
        with pipe:
            for number in range(GIBIBYTE // len(block)):
                data = number.to_bytes(8, "big") + block[8:]
                sent.update(data)
                pipe.write(data)

    with alice.start("-n", pods.SHOP, "-i", "web", "--", "cat") as running, \
            concurrent.futures.ThreadPoolExecutor() as pool:
        sending = pool.submit(send, running.stdin)
        size = 0
        while data := running.stdout.read1(1 << 20):
            received.update(data)
            size += len(data)
        sending.result()
        assert running.wait(60) == 0, running.stderr.read()
    assert (size, received.digest()) == (GIBIBYTE, sent.digest())


def test_the_end_of_the_input_arrives(web):
    assert web("-i", "web", "--", "sh", "-c", "cat; echo end", stdin=b"a\n").stdout == b"a\nend\n"
    # Without -i there is none, whatever our own is.
    assert web("web", "--", "sh", "-c", "cat; echo end", stdin=b"a\n").stdout == b"end\n"


def test_output_that_nobody_reads_holds_the_command_back(alice, deployment):
    with alice.start("-n", pods.SHOP, "web", "--", "sh", "-c",
                     "yes; echo never >&2") as running:
        assert running.stdout.read(4) == b"y\ny\n"
        assert deployment.sessions()
        running.stdout.close()
        assert running.wait(60) != 0
    deployment.wait_until_no_session()


def test_a_terminal_passes_every_key(alice):
    script = "trap 'echo interrupted; exit 9' INT; echo ready; while :; do sleep 0.1; done"
    with alice.terminal("-n", pods.SHOP, "-it", "web", "--", "sh", "-c", script) as terminal:
        terminal.read_until(b"ready")
        terminal.write(b"\x03")
        terminal.read_until(b"interrupted")
        assert terminal.end() == 9


def test_nothing_stays_when_the_client_is_killed(alice, deployment):
    script = "setsid sleep 987654 & sleep 987653 & echo started; exec sleep 987652"
    with alice.start("-n", pods.SHOP, "web", "--", "sh", "-c", script) as running:
        assert running.stdout.readline() == b"started\n"
        assert deployment.processes("9876")
        running.kill()
    deployment.wait_until_no_session()
    assert deployment.processes("9876") == []


def test_a_time_limit_ends_it(web, deployment):
    done = web("--timeout", "1", "web", "--", "sleep", "600")
    assert done.returncode == 246, done
    deployment.wait_until_no_session()
