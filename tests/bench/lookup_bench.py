"""How long finding a container takes with few and with many containers on the node, in one run.

Prints medians and their ratio; never passes or fails. Run by Debian's python3:
lookup_bench.py [BUILD_DIR] [FEW] [MANY] [ROUNDS]
"""

import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from bed import Containerd  # noqa: E402


PER_POD = 10


def measure(command: list[str], rounds: int) -> float:
    """Median milliseconds from start to exit."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def main() -> None:
    arguments = sys.argv[1:] + [None] * 4
    build = arguments[0] or "build/release"
    few, many, rounds = (int(arguments[i] or default)
                         for i, default in ((1, 10), (2, 200), (3, 100)))
    with Containerd(version="1.6") as bed:
        web = bed.run_pod("shop", "web")
        target = bed.run_container(web, "app", image="distroless")
        enter = [f"{build}/bin/ns-enter", "--runtime-endpoint", bed.endpoint]
        commands = {
            "by id": [*enter, "--container", target.id, "-n", "--", "/bin/true"],
            "by pod": [*enter, "--pod", "shop/web", "-n", "--", "/bin/true"],
        }
        medians: dict[tuple[str, int], float] = {}
        made = 1
        for count in (few, many):
            while made < count:
                if made % PER_POD == 1:
                    pod = bed.run_pod("crowd", f"p{made}")
                bed.run_container(pod, f"c{made}", image="distroless")
                made += 1
            for how, command in commands.items():
                medians[how, count] = measure(command, rounds)
        for how in commands:
            print(f"lookup {how}: {few} containers {medians[how, few]:.1f} ms, {many} containers "
                  f"{medians[how, many]:.1f} ms, ratio {medians[how, many] / medians[how, few]:.2f}")


if __name__ == "__main__":
    os.chdir(pathlib.Path(__file__).resolve().parents[2])
    main()
