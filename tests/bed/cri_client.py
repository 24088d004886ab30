"""Calls of the container runtime interface, for the part described in cri_bed.proto."""

import functools
import pathlib
import subprocess
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PROTO = pathlib.Path(__file__).parent / "cri_bed.proto"
_PACKAGE = "runtime.v1"
_IMAGE_CALLS = ("ImageStatus",)
# Sandboxes take a second or two on a loaded machine; more than this is a hang.
_CALL_SECONDS = 60


@functools.cache
def messages(proto: pathlib.Path = _PROTO):
    """A namespace of the message classes of a proto: messages().RunPodSandboxRequest(...)."""
    with tempfile.TemporaryDirectory(prefix="cri-proto-") as folder:
        output = pathlib.Path(folder) / "descriptors"
        subprocess.run(
            ["protoc", f"-I{proto.parent}", f"--descriptor_set_out={output}", proto.name],
            check=True,
        )
        files = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())
    # A pool of its own: generated code of another proto with this package name may be loaded in
    # the same process, and the default pool refuses a message that is defined twice.
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    names = [message.name for file in files.file for message in file.message_type]
    classes = {
        name: factory.GetPrototype(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in names
    }
    return type("Messages", (), classes)


class CriClient:
    """A connection to one runtime endpoint. Errors are grpc.RpcError, as the runtime gave them.

    `call_seconds` is the deadline of every call.
    """

    def __init__(self, endpoint: str):
        self.call_seconds = _CALL_SECONDS
        # Without an authority, gRPC sends the percent-encoded socket path, which Go's HTTP/2
        # server in some runtimes refuses.
        self._channel = grpc.insecure_channel(
            endpoint, options=[("grpc.default_authority", "localhost")]
        )

    def call(self, method: str, **fields):
        """Calls `method` with a request made of `fields`; returns the response message."""
        service = "ImageService" if method in _IMAGE_CALLS else "RuntimeService"
        request = getattr(messages(), f"{method}Request")
        response = getattr(messages(), f"{method}Response")
        rpc = self._channel.unary_unary(
            f"/{_PACKAGE}.{service}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return rpc(request(**fields), timeout=self.call_seconds)

    def close(self) -> None:
        self._channel.close()
