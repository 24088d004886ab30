"""scripts/check-layering and scripts/check-style find what they are there for, and the table of
docs/architecture.md says what the first one has."""

import importlib.machinery
import importlib.util
import pathlib
import re
import subprocess
import tempfile
import unittest

import requirement

_LAYERING = requirement.ROOT / "scripts" / "check-layering"
_STYLE = requirement.ROOT / "scripts" / "check-style"


def _run(*command) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, timeout=60)

# As the documents call them, where scripts/check-layering has another name.
_LIBRARY_NAMES = {
    "Asio": "asio", "Beast": "beast", "CLI11": "cli11", "OpenSSL": "openssl",
    "cpp-httplib": "httplib", "gRPC": "grpc", "nlohmann JSON": "json",
    "prometheus-cpp": "prometheus", "tl::expected": "expected", "yaml-cpp": "yaml",
}


def _load(script: pathlib.Path):
    """A script as a module: it has no .py at its end."""
    loader = importlib.machinery.SourceFileLoader("script", str(script))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("script", loader))
    loader.exec_module(module)
    return module


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
            ("agent/openapi/openapi.cc", '"base/error.h"'),
            ("agent/pods/pod.cc", '"nsenter/plan.h"'),
            ("agent/pods/pod.h", "<nlohmann/json.hpp>"),
            ("nsenter/plan.cc", '"cri/runtime.h"'),
            ("nsenter/plan.cc", "<cri/runtime.h>"),
            ("nsenter/plan.cc", "<grpcpp/grpcpp.h>"),
            ("nsenter/session/session.cc", "<httplib.h>"),
            ("nsenter/plan.cc", '"nsenter/resolve/request.h"'),
            ("nsenter/resolve/main.cc", '"nsenter/plan.h"'),
            ("base/io.cc", "<yaml-cpp/yaml.h>"),
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

    def test_the_architecture_has_the_same_table(self):
        rules = _load(_LAYERING)._RULES
        text = (requirement.ROOT / "docs" / "architecture.md").read_text()
        section = text.split("\n## Who may use whom\n")[1].split("\n## ")[0]
        rows = re.findall(r"(?m)^\| `([\w/]+)/`[^|]* \| ([^|]*) \| ([^|]*) \|$", section)
        self.assertEqual({folder for folder, _, _ in rows}, set(rules))
        for folder, uses, libraries in rows:
            with self.subTest(folder):
                # Its own folder goes without saying.
                own = {f"{folder}/"}
                self.assertEqual(
                    set(re.findall(r"`([^`]+)`", uses)) - own, set(rules[folder].project) - own
                )
                named = re.sub(r" \([^)]*\)", "", libraries).replace("–", "").split(", ")
                self.assertEqual(
                    {_LIBRARY_NAMES.get(name, name) for name in named if name},
                    set(rules[folder].libraries),
                )


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
