"""A shell in the guest, with the folder `tests` as the working directory.

    /usr/bin/python3 -m vm

Each line is a command of its own; the end of the input ends the machine. NS_DEBUG_BUILD_DIR names
another build than build/dev.
"""

import os
import pathlib
import sys

from . import Unavailable, Vm

_DEFAULT_BUILD = pathlib.Path(__file__).parents[2] / "build/dev"
_COMMAND_SECONDS = 600


def main() -> int:
    """Runs the lines of standard input; 1 when this machine cannot, with one line that says why."""
    try:
        with Vm(pathlib.Path(os.environ.get("NS_DEBUG_BUILD_DIR", _DEFAULT_BUILD))) as vm:
            print("vm# ", end="", flush=True)
            for line in sys.stdin:
                result = vm.run(line, _COMMAND_SECONDS)
                print(result.stdout, result.stderr, sep="", end="")
                print(f"[{result.code}] vm# " if result.code else "vm# ", end="", flush=True)
    except Unavailable as error:
        print(f"vm: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
