"""scripts/check-layering and scripts/check-style find what they are there for."""

import pathlib
import subprocess
import tempfile
import unittest

import requirement

_LAYERING = requirement.ROOT / "scripts" / "check-layering"
_STYLE = requirement.ROOT / "scripts" / "check-style"


def _run(*command) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


class LayeringTest(unittest.TestCase):
    def _faults(self, path: str, include: str) -> list[str]:
        """What is said about a file of these contents in a project with little else."""
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for there in ("base/error.h", "cri/runtime.h", "nsenter/plan.h", "nsenter/handover.h",
                          "nsenter/resolve/request.h"):
                (root / there).parent.mkdir(parents=True, exist_ok=True)
                (root / there).write_text("#pragma once\n")
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"// The second line is looked at.\n#include {include}\n")
            answer = _run(_LAYERING, directory)
            faults = [line for line in answer.stdout.splitlines() if line.startswith(path)]
            self.assertEqual(answer.returncode, 1 if faults else 0, answer.stdout + answer.stderr)
            return faults

    def test_what_a_folder_may_use(self):
        for path, include in [
            ("base/io.cc", "<sys/stat.h>"),
            ("base/io.h", '"base/error.h"'),
            ("base/io.h", "<tl/expected.hpp>"),
            ("cri/client.cc", "<grpcpp/grpcpp.h>"),
            ("cri/client.cc", '"cri/runtime.pb.h"'),
            ("docker/request.cc", "<httplib.h>"),
            ("nsenter/plan.cc", '"base/error.h"'),
            ("nsenter/session/session.cc", '"nsenter/plan.h"'),
            ("nsenter/handover.cc", "<nlohmann/json.hpp>"),
            ("nsenter/resolve/main.cc", '"cri/runtime.h"'),
            ("nsenter/resolve/main.cc", '"nsenter/handover.h"'),
            ("nsenter/resolve/main.cc", '"nsenter/resolve/request.h"'),
        ]:
            with self.subTest(f"{path} includes {include}"):
                self.assertEqual(self._faults(path, include), [])

    def test_what_a_folder_may_not_use(self):
        for path, include in [
            ("base/io.cc", '"nsenter/plan.h"'),
            ("cri/client.cc", '"nsenter/plan.h"'),
            ("docker/request.cc", '"cri/runtime.h"'),
            ("docker/request.cc", '"cri/runtime.pb.h"'),
            ("nsenter/plan.cc", '"cri/runtime.h"'),
            ("nsenter/plan.cc", "<cri/runtime.h>"),
            ("nsenter/plan.cc", "<grpcpp/grpcpp.h>"),
            ("nsenter/session/session.cc", "<httplib.h>"),
            ("nsenter/plan.cc", '"nsenter/resolve/request.h"'),
            ("nsenter/resolve/main.cc", '"nsenter/plan.h"'),
            ("base/io.cc", "<nlohmann/json.hpp>"),
            ("cri/client.h", "<grpcpp/grpcpp.h>"),
            ("nsenter/handover.h", "<nlohmann/json.hpp>"),
            ("nsenter/capabilities.h", "<sys/capability.h>"),
            ("nsenter/plan.cc", '"handover.h"'),
            ("nsenter/plan.cc", '"base/missing.h"'),
        ]:
            with self.subTest(f"{path} includes {include}"):
                faults = self._faults(path, include)
                self.assertEqual(len(faults), 1, faults)
                self.assertTrue(faults[0].startswith(f"{path}:2: "), faults)

    def test_a_folder_without_sources_is_no_success(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(_run(_LAYERING, directory).returncode, 1)


class StyleTest(unittest.TestCase):
    def test_what_is_found(self):
        with tempfile.TemporaryDirectory() as directory:
            for name, text, fault in [
                ("a.md", "one\ntwo\n", None),
                ("a.md", "one \n", ":1: blanks at the end of the line"),
                ("a.md", "one\n\ttwo\n", ":2: a tab"),
                ("Makefile", "all:\n\ttrue\n", None),
                ("a.md", "one\ntwo", ":2: no newline at the end of the file"),
                ("a.md", "one\n\n", ":2: empty line at the end of the file"),
                ("a.h", "int a;\n", ":1: a header without #pragma once"),
                ("a.h", "#pragma once\n", None),
                ("a.bin", "\0 \t", None),
            ]:
                with self.subTest(name=name, text=text):
                    path = pathlib.Path(directory) / name
                    path.write_text(text)
                    answer = _run(_STYLE, path)
                    if fault is None:
                        self.assertEqual(answer.returncode, 0, answer.stdout)
                    else:
                        self.assertEqual(answer.returncode, 1)
                        self.assertEqual(answer.stdout, f"{path}{fault}\n")


if __name__ == "__main__":
    unittest.main()
