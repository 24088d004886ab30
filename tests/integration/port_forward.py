"""The server's end of a port-forward in the form that Kubernetes has since 1.28: a WebSocket with
v4.channel.k8s.io, of one port."""

import select
import socket
import ssl

PORT = (8443).to_bytes(2, "little")
# What each of the two channels begins with.
FIRST = (b"\0" + PORT, b"\1" + PORT)
_PIECE = 16 << 10
_DATA, _CLOSE = 2, 8


def frame(message: bytes) -> bytes:
    """A message of a server, of less than 64 KiB."""
    if len(message) < 126:
        return bytes([0x80 | _DATA, len(message)]) + message
    return bytes([0x80 | _DATA, 126]) + len(message).to_bytes(2, "big") + message


def carry(client: ssl.SSLSocket, port: int) -> None:
    """Carries bytes between a client that has been upgraded and a local port, until one of them
    ends. What it sends must fit into the sockets' buffers: it does one thing at a time."""
    with socket.create_connection(("127.0.0.1", port)) as target:
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        while True:
            # What TLS has read already, no select() tells of.
            ready = [client] if client.pending() else select.select([client, target], [], [])[0]
            if client in ready:
                data = client.recv(_PIECE)
                received += data
                messages, received = _messages(received)
                if not data or None in messages:
                    return
                target.sendall(b"".join(one[1:] for one in messages if one[:1] == b"\0"))
            if target in ready:
                data = target.recv(_PIECE)
                if not data:
                    return
                client.sendall(frame(b"\0" + data))


def _messages(received: bytes) -> tuple[list[bytes | None], bytes]:
    """The whole messages of a client, where None is its Close, and what is left."""
    messages: list[bytes | None] = []
    while True:
        size, begin = (received[1] & 0x7f, 2) if len(received) >= 2 else (0, 2)
        if size == 126:
            size, begin = int.from_bytes(received[2:4], "big"), 4
        elif size == 127:
            size, begin = int.from_bytes(received[2:10], "big"), 10
        end = begin + 4 + size
        if len(received) < end:
            return messages, received
        mask, payload = received[begin:begin + 4], received[begin + 4:end]
        kind = received[0] & 0xf
        if kind == _CLOSE:
            messages.append(None)
        if kind == _DATA:
            messages.append(bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload)))
        received = received[end:]
