"""The man page is correct mdoc(7) and renders."""

import re
import subprocess
import unittest

import requirement

# These two are about the machine: whether it has the other manuals, and an index of them.
_ABOUT_THE_MACHINE = re.compile(r"referenced manual not found|outdated mandoc\.db")


class ManPageTest(unittest.TestCase):
    def test_mandoc_has_nothing_to_say(self):
        lint = subprocess.run(
            ["mandoc", "-Tlint", str(requirement.MAN_PAGE)], capture_output=True, text=True
        )
        complaints = [
            line
            for line in (lint.stdout + lint.stderr).splitlines()
            if not _ABOUT_THE_MACHINE.search(line)
        ]
        self.assertEqual(complaints, [])

    def test_it_renders_with_its_sections(self):
        page = subprocess.run(
            ["mandoc", "-Tascii", "-Owidth=80", str(requirement.MAN_PAGE)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        # Bold is a letter, a backspace and the letter again.
        plain = re.sub(r".\x08", "", page)
        for section in ("SYNOPSIS", "OPTIONS", "PROFILES", "EXIT STATUS", "COMPATIBILITY"):
            self.assertIn(f"\n{section}\n", plain)


if __name__ == "__main__":
    requirement.require_tool("mandoc")
    unittest.main()
