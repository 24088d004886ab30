"""Every message, field and enum value of our protos has the name, number and type it has upstream."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = "k8s.io/cri-api"
VERSION = "v0.37.2"
OURS = [ROOT / "cri" / "runtime.proto", ROOT / "tests" / "bed" / "cri_bed.proto"]
SKIPPED = 77


def skip(reason: str) -> None:
    print(f"skipped: {reason}")
    sys.exit(1 if os.environ.get("NS_DEBUG_MUST_RUN") == "1" else SKIPPED)


def official_proto() -> pathlib.Path:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        skip("needs go to fetch the official api.proto")
    # The version is pinned, and checked against Go's checksum database or GOFLAGS' choice of it.
    result = subprocess.run([go, "mod", "download", "-json", f"{MODULE}@{VERSION}"],
                            capture_output=True, text=True, check=False, cwd="/")
    if result.returncode != 0:
        skip(f"{MODULE}@{VERSION} cannot be had: {result.stdout.strip()[-300:]}")
    return pathlib.Path(json.loads(result.stdout)["Dir"]) / "pkg/apis/runtime/v1/api.proto"


def describe(proto: pathlib.Path, folder: str) -> dict:
    """Name to number and type, of every field and enum value."""
    source = pathlib.Path(folder) / proto.name
    # The official file imports gogoproto for Go's generated code: no part of the wire format.
    lines = [line for line in proto.read_text(encoding="utf-8").splitlines()
             if not line.startswith(("import \"github.com/gogo", "option (gogoproto"))]
    # An option that Debian 12's protobuf does not know yet.
    text = re.sub(r"\s*\[\s*debug_redact\s*=\s*true\s*\]", "", "\n".join(lines))
    source.write_text(text, encoding="utf-8")
    output = source.with_suffix(".pb")
    subprocess.run(["protoc", f"-I{folder}", f"--descriptor_set_out={output}", source.name],
                   check=True)
    described = {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes()).file:
        for message in file.message_type:
            describe_message(message, message.name, described)
        for enum in file.enum_type:
            for value in enum.value:
                described[f"{enum.name}.{value.name}"] = value.number
        for service in file.service:
            for method in service.method:
                described[f"{service.name}/{method.name}"] = (method.input_type,
                                                              method.output_type)
    return described


def describe_message(message, name: str, described: dict) -> None:
    described[name] = "message"
    for field in message.field:
        described[f"{name}.{field.name}"] = (field.number, field.type, field.label, field.type_name)
    for nested in message.nested_type:  # the entries of maps
        describe_message(nested, f"{name}.{nested.name}", described)


def main() -> None:
    official_file = official_proto()
    with tempfile.TemporaryDirectory() as folder:
        official = describe(official_file, folder)
        wrong = []
        count = 0
        for proto in OURS:
            ours = describe(proto, folder)
            count += len(ours)
            wrong += [f"{proto.name}: {name} is {value}, upstream {official.get(name)}"
                      for name, value in ours.items() if official.get(name) != value]
    assert count > 100, "nothing was compared"
    print("\n".join(wrong) or f"{count} names are as in {MODULE} {VERSION}")
    sys.exit(1 if wrong else 0)


main()
