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
        pod = bed.run_pod("shop", "web")
        medians = {}
        made = 0
        for count in (few, many):
            while made < count:
                bed.run_container(pod, f"c{made}", image="distroless")
                made += 1
            command = [f"{build}/bin/ns-enter", "--runtime-endpoint", bed.endpoint, "--pod",
                       "shop/web", "-c", "c0", "-n", "--", "/bin/true"]
            by_id = [f"{build}/bin/ns-enter", "--runtime-endpoint", bed.endpoint, "--container",
                     bed.run_container(pod, f"probe{count}", image="distroless").id, "-n", "--",
                     "/bin/true"]
            medians[count] = (measure(by_id, rounds), measure(command, rounds))
            print(f"{count} containers: by id {medians[count][0]:.1f} ms, "
                  f"by pod and name {medians[count][1]:.1f} ms")
        for index, how in enumerate(("by id", "by pod, all in that one pod")):
            print(f"ratio {many} to {few}, {how}: {medians[many][index] / medians[few][index]:.2f}")


if __name__ == "__main__":
    os.chdir(pathlib.Path(__file__).resolve().parents[2])
    main()
