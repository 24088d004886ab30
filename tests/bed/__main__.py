"""The bed from a shell, with the folder `tests` as the working directory.

    /usr/bin/python3 -m bed up --version 1.6 --pod shop/web --image distroless
    /usr/bin/python3 -m bed sweep
    /usr/bin/python3 -m bed fetch nsenter | runsc | 1.6 | 1.7 | 2.1

`up` prints one line of JSON when the pods run, stays until its stdin closes or it gets SIGINT,
SIGTERM or SIGHUP, and then removes everything. Debian's python3 by its path, because that one
has Debian's grpc and another may come first in the PATH.
"""

import argparse
import json
import os
import signal
import sys

from . import fetch, image, leftovers
from .containerd import Containerd
from .unavailable import Unavailable

_ENDED_BY_SIGNAL = 128


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bed", description="A real containerd with pods in it.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start containerd and pods, stay, remove everything")
    versions = [fetch.INSTALLED_CONTAINERD, *fetch.CONTAINERD_SUITES]
    up.add_argument("--version", choices=versions, default=versions[0])
    up.add_argument("--pod", action="append", type=_pod, metavar="NAMESPACE/NAME", required=True)
    up.add_argument("--image", choices=image.NAMES, default="distroless")
    up.add_argument("--container", default="app", help="the container's name in each pod")
    up.add_argument("--runtime-handler", choices=["", "runsc"], default="")
    verbs.add_parser("sweep", help="remove what killed beds left")
    fetched = verbs.add_parser("fetch", help="print where a program of another suite is")
    fetched.add_argument("program", choices=["nsenter", "runsc", *versions])
    return parser.parse_args(arguments)


def _pod(text: str) -> tuple[str, str]:
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAMESPACE/NAME")
    return namespace, name


def _up(options: argparse.Namespace) -> None:
    # A shell starts its background jobs with SIGINT ignored, and Python then leaves it so.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(_ENDED_BY_SIGNAL + got))
    handler = options.runtime_handler
    with Containerd(options.version, gvisor=handler == "runsc") as bed:
        pods = []
        for namespace, name in options.pod:
            pod = bed.run_pod(namespace, name, runtime_handler=handler)
            container = bed.run_container(pod, options.container, image=options.image)
            pods.append(_describe(pod, container))
        report = {
            "endpoint": bed.endpoint,
            "version": bed.version,
            "netns": f"/run/netns/{bed.netns}",
            "pods": pods,
        }
        print(json.dumps(report), flush=True)
        while os.read(sys.stdin.fileno(), 4096):
            pass


def _describe(pod, container) -> dict:
    return {
        "namespace": pod.spec.namespace,
        "name": pod.spec.name,
        "uid": pod.spec.uid,
        "id": pod.id,
        "pid": pod.pid,
        "ip": pod.ip,
        "containers": [{"name": container.spec.name, "id": container.id, "pid": container.pid}],
    }


def _fetch(program: str) -> str:
    if program == "nsenter":
        return " ".join(fetch.nsenter_242())
    return str(fetch.runsc() if program == "runsc" else fetch.containerd(program))


def main(arguments: list[str]) -> int:
    """Runs one verb; 1 when this machine cannot, with one line that says why."""
    options = _parse(arguments)
    try:
        if options.verb == "up":
            _up(options)
        elif options.verb == "sweep":
            for name in leftovers.sweep():
                print(name)
        else:
            print(_fetch(options.program))
    except Unavailable as error:
        print(f"bed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
