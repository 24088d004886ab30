"""A proxy on the loopback address: `proxy.py http|https|socks5 [USER:PASSWORD] [CERTIFICATE KEY]`.
Its port is its first line on stdout; then a line for each client: what it asked for, and whether it
was let through."""

import base64
import select
import socket
import ssl
import sys
import threading

BUFFER = 65536


def read_exactly(client, count: int) -> bytes:
    data = b""
    while len(data) < count:
        got = client.recv(count - len(data))
        if not got:
            raise ConnectionError("the client left")
        data += got
    return data


def http_target(client, credentials: str) -> tuple[str, str]:
    """Where a CONNECT wants to go, and why it may not."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += read_exactly(client, 1)
    lines = head.decode().split("\r\n")
    method, target, _ = lines[0].split(" ")
    headers = {name.lower(): value.strip()
               for name, _, value in (line.partition(":") for line in lines[1:])}
    if method != "CONNECT":
        return target, "405 Method Not Allowed"
    if credentials:
        wanted = "Basic " + base64.b64encode(credentials.encode()).decode()
        if headers.get("proxy-authorization") != wanted:
            return target, "407 Proxy Authentication Required"
    return target, ""


def socks_target(client, credentials: str) -> tuple[str, str]:
    """The same of SOCKS5, with a name as the address."""
    _, count = read_exactly(client, 2)
    methods = read_exactly(client, count)
    method = 2 if credentials else 0
    if method not in methods:
        client.sendall(b"\x05\xff")
        return "", "no method"
    client.sendall(bytes([5, method]))
    if credentials:
        given = []
        read_exactly(client, 1)
        for _ in range(2):
            given.append(read_exactly(client, read_exactly(client, 1)[0]).decode())
        good = ":".join(given) == credentials
        client.sendall(bytes([1, 0 if good else 1]))
        if not good:
            return "", "wrong password"
    kind = read_exactly(client, 4)[3]
    assert kind == 3, kind
    name = read_exactly(client, read_exactly(client, 1)[0]).decode()
    return f"{name}:{int.from_bytes(read_exactly(client, 2), 'big')}", ""


def relay(left, right) -> None:
    """Carries bytes until one side ends; what TLS has decrypted already is no matter of select()."""
    ends = {left: right, right: left}
    while True:
        pending = [end for end in ends if getattr(end, "pending", lambda: 0)()]
        ready = pending or select.select(list(ends), [], [])[0]
        for end in ready:
            data = end.recv(BUFFER)
            if not data:
                return
            ends[end].sendall(data)


def serve(client, kind: str, credentials: str, context) -> None:
    try:
        if context is not None:
            client = context.wrap_socket(client, server_side=True)
        target, refusal = (socks_target if kind == "socks5" else http_target)(client, credentials)
        print(kind, target, refusal or "ok", flush=True)
        if refusal:
            if kind != "socks5":
                client.sendall(f"HTTP/1.1 {refusal}\r\nContent-Length: 0\r\n\r\n".encode())
            return
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6) if kind == "socks5"
                           else b"HTTP/1.1 200 Connection established\r\n\r\n")
            relay(client, server)
    except (OSError, ConnectionError) as error:
        print(kind, "failed:", error, flush=True)
    finally:
        client.close()


def main() -> None:
    kind, credentials = sys.argv[1], sys.argv[2]
    context = None
    if kind == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, kind, credentials, context),
                             daemon=True).start()


main()
