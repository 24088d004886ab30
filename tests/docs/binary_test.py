"""kubectl's plugin is one file that needs nothing but the C library, and not large."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import requirement

# What is left to the machine: all of it is the C library's package.
_LIBC = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
_MAX_BYTES = 8 << 20


def _is_release() -> bool:
    build = pathlib.Path(os.environ.get("NS_DEBUG_BUILD_DIR", requirement.ROOT / "build" / "dev"))
    cache = build / "CMakeCache.txt"
    return cache.exists() and "CMAKE_BUILD_TYPE:STRING=Release" in cache.read_text()


def _is_sanitized() -> bool:
    build = pathlib.Path(os.environ.get("NS_DEBUG_BUILD_DIR", requirement.ROOT / "build" / "dev"))
    cache = build / "CMakeCache.txt"
    return cache.exists() and bool(
        re.search(r"(?m)^NS_DEBUG_SANITIZE:STRING=.", cache.read_text()))


class PluginBinaryTest(unittest.TestCase):
    def test_it_needs_the_c_library_alone(self):
        if _is_sanitized():
            self.skipTest("the sanitizers' libraries are shared ones")
        told = subprocess.run(["readelf", "--dynamic", "--wide", requirement.plugin()],
                              check=True, capture_output=True, text=True).stdout
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", told))
        self.assertIn("libc.so.6", needed)
        self.assertLessEqual(needed, _LIBC)

    def test_its_size(self):
        with tempfile.TemporaryDirectory() as folder:
            stripped = pathlib.Path(folder) / "kubectl-ns_debug"
            subprocess.run(["strip", "-o", stripped, requirement.plugin()], check=True)
            size = stripped.stat().st_size
        print(f"kubectl-ns_debug: {size} bytes stripped, {size / (1 << 20):.2f} MiB")
        # Other builds are for other things.
        if _is_release():
            self.assertLessEqual(size, _MAX_BYTES)


if __name__ == "__main__":
    requirement.require_tool("readelf")
    requirement.require_tool("strip")
    unittest.main()
