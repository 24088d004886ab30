"""What people debug pods for, each by a user who may no more than that, through the API server."""

import json

import pods
import pytest

# The classic format, in this machine's order of bytes.
PCAP = b"\xd4\xc3\xb2\xa1"


@pytest.fixture(name="shop")
def shop_fixture(alice):
    """Standard output of alice's command in a pod of the shop."""
    return lambda *arguments, **options: alice.output("-n", pods.SHOP, *arguments, **options)


def address_of(cluster, name: str) -> str:
    return cluster.get(f"/api/v1/namespaces/{pods.SHOP}/pods/{name}")["status"]["podIP"]


def test_who_listens_in_an_image_without_anything(shop):
    told = shop("pod/web", "--", "ss", "-tlnp")
    line, = [line for line in told.splitlines() if line.startswith("LISTEN")]
    assert "0.0.0.0:8080" in line and 'users:(("server",pid=1,' in line
    told = shop("pod/web", "--", "netstat", "-plnt")
    line, = [line for line in told.splitlines() if "LISTEN" in line]
    assert "0.0.0.0:8080" in line and "1/server" in line


def test_what_runs_in_it_and_nothing_else(shop):
    lines = shop("web", "--", "ps", "-eo", "pid,args").splitlines()
    assert lines[1].split() == ["1", "/server"]
    # Besides the pod's only the session's own: its first process and ps.
    assert all("ps -eo" in line or "ns-enter" in line for line in lines[2:]), lines


def test_what_takes_its_time(shop):
    lines = shop("web", "--", "top", "-b", "-n1").splitlines()
    at = next(number for number, line in enumerate(lines) if line.split()[:2] == ["PID", "USER"])
    commands = {line.split()[0]: line.split()[-1] for line in lines[at + 1:]}
    assert commands.pop("1") == "server"
    assert set(commands.values()) == {"ns-enter", "top"}


def test_which_process_has_started_which(shop):
    assert shop("web", "--", "pstree", "-p").strip() == "server(1)"


def test_its_addresses_and_routes(cluster, shop):
    links = json.loads(shop("web", "--", "ip", "-j", "address", "show", "eth0"))
    addresses = [one["local"] for link in links for one in link.get("addr_info", [])]
    assert address_of(cluster, "web") in addresses
    route, = json.loads(shop("web", "--", "ip", "-j", "route", "get", address_of(cluster, "two")))
    assert (route["dev"], route["prefsrc"]) == ("eth0", address_of(cluster, "web"))


def test_its_neighbours_and_counters(cluster, shop):
    other = address_of(cluster, "two")
    route, = json.loads(shop("web", "--", "ip", "-j", "route", "get", other))
    # Whom it has just sent something is a neighbour.
    via = route.get("gateway", other)
    told = shop("web", "--", "sh", "-c",
                f"ping -c 1 -W 5 {other} >/dev/null; ip -j neigh show {via}")
    neighbour, = json.loads(told)
    assert (neighbour["dst"], neighbour["dev"]) == (via, "eth0") and neighbour["lladdr"]
    link, = json.loads(shop("web", "--", "ip", "-j", "-s", "link", "show", "eth0"))
    # As the pod itself counts them, and it has answered before.
    sent = int(shop("web", "--", "cat", "/sys/class/net/eth0/statistics/tx_packets"))
    assert 0 < link["stats64"]["tx"]["packets"] <= sent
    assert "TX:" in shop("web", "--", "ip", "-s", "link", "show", "eth0")


def test_its_names(cluster, shop):
    assert "nameserver 10.96.0.10" in shop("web", "--", "cat", "/etc/resolv.conf")
    assert shop("web", "--", "getent", "hosts", "web").split()[0] == address_of(cluster, "web")
    assert shop("web", "--", "hostname").strip() == "web"
    # There is no DNS in this cluster; what dig asks is what the pod would ask.
    told = shop("web", "--", "sh", "-c", "dig +tries=1 +time=1 kubernetes.default; test $? = 9")
    assert "no servers could be reached" in told


def test_what_it_can_reach(cluster, shop):
    assert shop("web", "--", "curl", "-s", "http://127.0.0.1:8080/healthz") == "hello\n"
    other = address_of(cluster, "two")
    assert shop("web", "--", "sh", "-c", f"nc -vz {other} 8080 2>&1").strip().endswith("succeeded!")
    assert "1 received" in shop("web", "--", "ping", "-c", "1", "-W", "5", other)
    path = shop("web", "--", "tcptraceroute", "-n", other, "8080")
    assert path.splitlines()[-1].split()[:2] == ["1", other], path


def test_what_goes_over_its_network(alice, shop):
    capture = ("-n", pods.SHOP, "web", "--", "tcpdump", "-i", "lo", "-nn", "-U", "-c", "6", "-w",
               "-", "tcp", "port", "8080")
    with alice.start(*capture) as running:
        assert b"listening on lo" in running.stderr.readline()
        for _ in range(2):
            assert shop("web", "--", "curl", "-s", "http://127.0.0.1:8080/") == "hello\n"
        captured, told = running.communicate(timeout=60)
    assert running.returncode == 0, told
    assert captured.startswith(PCAP) and b"6 packets captured" in told


def test_what_its_process_does(shop):
    script = """
        strace -qq -e trace=accept,accept4,write -o /tmp/trace -p 1 & tracer=$!
        until grep -q '^TracerPid:.[1-9]' /proc/1/status; do sleep 0.05; done
        curl -s -o /dev/null http://127.0.0.1:8080/
        kill -INT $tracer; wait $tracer; cat /tmp/trace
    """
    told = shop("web", "--", "bash", "-c", script)
    assert "accept" in told and "HTTP/1.0 200 OK" in told


def test_where_its_process_stands(shop):
    # The program is the target's, and so is every address.
    told = shop("web", "--", "gdb", "-nx", "-batch", "-iex", "set sysroot /target", "-p", "1",
                "-ex", "info proc", "-ex", "bt")
    assert "exe = '/server'" in told and "#0  0x" in told
    assert "[Inferior 1 (process 1) detached]" in told
    # It goes on as before.
    assert shop("web", "--", "curl", "-s", "http://127.0.0.1:8080/healthz") == "hello\n"


def test_its_process_is_not_traced_without_the_right_to(alice):
    done = alice.run("-n", pods.SHOP, "web", "--profile", "restricted", "--", "strace", "-p", "1")
    assert done.returncode == 1
    assert b"Operation not permitted" in done.stderr


def test_its_files_and_volumes(shop):
    assert shop("web", "--", "ls", "/target").split() == ["dev", "etc", "proc", "server", "sys",
                                                          "var"]
    assert shop("two", "--", "cat", "/target/data/note").strip() == pods.NOTE
    assert " /data " in shop("two", "--", "grep", " /data ", "/proc/1/mounts")


def test_what_is_mounted_in_it(shop):
    mounts = [line.split(" ") for line in shop("two", "--", "mount").splitlines()]
    points = [mount[2] for mount in mounts if mount[1] == "on"]
    assert "/target" in points and "/target/data" in points
    # Nothing of the agent's.
    assert not [point for point in points if "ns-debug" in point or point.startswith("/run/")]
    told = shop("two", "--", "df", "-h", "--output=size,target", "/target/data")
    size, target = told.splitlines()[1].split()
    assert size[0].isdigit() and target == "/target/data"


def test_a_file_out_of_it_and_into_it(alice, shop):
    packed = alice.run("-n", pods.SHOP, "web", "--", "tar", "-C", "/target", "-cf", "-", "server")
    assert packed.returncode == 0, packed.stderr
    digest = shop("web", "--", "sha256sum", "/target/server").split()[0]
    assert shop("-i", "web", "--", "sh", "-c", "tar -xO server | sha256sum",
                stdin=packed.stdout).split()[0] == digest
    into = "cat >/target/data/server && sha256sum /target/data/server"
    sent = alice.run("-n", pods.SHOP, "web", "--", "cat", "/target/server").stdout
    assert shop("-i", "two", "--", "sh", "-c", into, stdin=sent).split()[0] == digest


def test_a_shell_where_there_is_none(alice):
    with alice.terminal("-n", pods.SHOP, "web") as terminal:
        terminal.write(b"stty size; ss -tln | grep -c 8080; echo $((6 * 7))\r")
        terminal.read_until(b"33 77\r\n1\r\n42\r\n")
        terminal.resize(44, 99)
        terminal.write(b"until stty size | grep '44 99'; do sleep 0.1; done; exit 5\r")
        terminal.read_until(b"44 99\r\n")
        assert terminal.end() == 5


def test_a_container_that_is_not_root_and_cannot_write(shop):
    assert shop("limited", "--", "sh", "-c", "id -u; touch /work && echo scratch").split() == [
        "0", "scratch"]
    assert "sleep 1000000" in shop("limited", "--", "ps", "-o", "args=", "-p", "1")
    # And as itself.
    as_itself = shop("limited", "--view", "container", "--", "sh", "-c",
                     "id -u; touch /work 2>/dev/null || echo read-only")
    assert as_itself.split() == ["1000", "read-only"]


def test_the_container_that_is_meant(shop):
    assert "sleep 1000000" in shop("two", "--", "ps", "-o", "args=", "-p", "1")
    assert shop("two", "-c", "app", "--", "ps", "-o", "args=", "-p", "1").strip() == "/server"


def test_containers_that_share_their_processes(shop):
    told = shop("shared", "-c", "app", "--", "ps", "-eo", "args=")
    assert "/server" in told and "sleep 1000000" in told


def test_a_pod_whose_container_crashes(alice, cluster, shop):
    done = alice.run("-n", pods.SHOP, "crash", "--", "true")
    assert done.returncode == 242
    # Between two attempts it waits; right after one it has ended.
    assert b"container app of pod crash " in done.stderr, done.stderr
    assert b"enter the pod around it with --sandbox" in done.stderr, done.stderr
    told = shop("crash", "--sandbox", "--", "ip", "-br", "address", "show", "eth0")
    assert address_of(cluster, "crash") in told


def test_a_pod_whose_init_container_has_not_ended(alice, shop):
    assert "sleep 1000000" in shop("waiting", "-c", "migrate", "--", "ps", "-o", "args=", "-p", "1")
    done = alice.run("-n", pods.SHOP, "waiting", "-c", "app", "--", "true")
    assert done.returncode == 242, done


def test_the_node_and_what_shares_its_network(sre):
    told = sre.output("-n", pods.SHOP, "host", "--", "ip", "-br", "address")
    assert "10.251.0.1" in told
    assert "kubelet" in sre.output("node/node-1", "--", "ps", "-eo", "comm")


def test_every_tool_is_there(shop):
    tools = ("arping bash conntrack curl dig drill ethtool file gdb hexdump htop ip iperf3"
             " iptables jq less lsof ltrace mtr nc netstat nft openssl ping ps pstree socat ss"
             " strace tcpdump tcptraceroute tracepath traceroute tree vi xxd")
    look = f"for tool in {tools}; do command -v $tool >/dev/null || echo $tool; done"
    assert shop("web", "--", "sh", "-c", look) == ""
