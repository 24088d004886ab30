"""Links and paths in the Markdown documents lead somewhere: relative links to files and headings
that exist, and every path in backticks that begins with one of the project's folders."""

import os
import pathlib
import re
import tempfile
import unittest

import requirement

# Folders whose paths are checked. Others may look alike and mean something else: shop/web is a pod.
_FOLDERS = {
    "agent", "base", "charts", "cmake", "completions", "cri", "docs", "kubectl", "man",
    "manifests", "nsenter", "remotecommand", "scripts", "tests",
}

# Not ours to check: what a build makes, and what tools keep.
_IGNORED = {"build", ".git", "node_modules"}

_FENCE = re.compile(r"^ {0,3}(```|~~~).*?^ {0,3}\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"^[\w.+-]+(/[\w.+-]+)+/?$")
_HEADING = re.compile(r"^#+\s+(.*?)\s*#*$", re.MULTILINE)
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def _documents(root: pathlib.Path) -> list[pathlib.Path]:
    found = []
    for directory, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _IGNORED]
        found += [pathlib.Path(directory) / name for name in files if name.endswith(".md")]
    return sorted(found)


def _anchors(text: str) -> set[str]:
    """Of the headings, in the form that GitHub gives them."""
    anchors = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = 1
        unique = anchor
        while unique in anchors:
            unique = f"{anchor}-{number}"
            number += 1
        anchors.add(unique)
    return anchors


def _broken_link(document: pathlib.Path, link: str) -> str | None:
    if _SCHEME.match(link) or link.startswith("//"):
        return None
    path, _, anchor = link.partition("#")
    target = document.parent / path if path else document
    if path.startswith("/") or not target.exists():
        return f"{document}: link to {link}: no such file"
    if anchor and target.suffix == ".md" and anchor not in _anchors(target.read_text()):
        return f"{document}: link to {link}: no such heading"
    return None


def _missing_path(root: pathlib.Path, document: pathlib.Path, code: str) -> str | None:
    # Of a command line the first word is the path: `scripts/test --fast`.
    word = code.split()[0] if code.split() else ""
    word = word.removeprefix("./")
    if not _PATH.match(word) or word.split("/")[0] not in _FOLDERS:
        return None
    if (root / word).exists() or (document.parent / word).exists():
        return None
    return f"{document}: `{word}` does not exist"


def faults(root: pathlib.Path) -> list[str]:
    """What is wrong in the documents below `root`, one line each."""
    found = []
    for document in _documents(root):
        prose = _FENCE.sub("", document.read_text())
        for code in _CODE.findall(prose):
            found.append(_missing_path(root, document, code))
        # In code a bracket and a parenthesis are no link.
        for inline, reference in _LINK.findall(_CODE.sub("`code`", prose)):
            found.append(_broken_link(document, inline or reference))
    return [fault for fault in found if fault]


class LinksTest(unittest.TestCase):
    def test_documents_of_the_project(self):
        self.assertEqual(faults(requirement.ROOT), [])

    def test_a_broken_one_is_found(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            (root / "docs").mkdir()
            (root / "docs" / "there.md").write_text("# The Heading: `one`\n\n# Again\n\n# Again\n")
            for text, expected in {
                "[a](docs/there.md)": 0,
                "[a](docs/missing.md)": 1,
                "[a](docs/there.md#the-heading-one) [b](docs/there.md#again-1)": 0,
                "[a](docs/there.md#elsewhere)": 1,
                "[a](https://example.org/missing.md)": 0,
                "[a](/etc/passwd)": 1,
                "[a][b]\n\n[b]: docs/missing.md\n": 1,
                "`docs/there.md`, `./docs/there.md --flag`, `shop/web`, `docs/<name>.md`": 0,
                "`docs/missing.md`": 1,
                "`scripts/missing --flag`": 1,
                "```\n[a](missing.md) `docs/missing.md`\n```\n": 0,
                "`x[a](missing.md)`": 0,
            }.items():
                with self.subTest(text):
                    (root / "README.md").write_text(text)
                    self.assertEqual(len(faults(root)), expected, faults(root))


if __name__ == "__main__":
    if not _documents(requirement.ROOT):
        requirement.skip("there are no documents")
    unittest.main()
