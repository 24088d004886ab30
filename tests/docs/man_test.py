"""The man pages are correct mdoc(7) and render."""

import re
import subprocess
import unittest

import requirement

# These two are about the machine: whether it has the other manuals, and an index of them.
_ABOUT_THE_MACHINE = re.compile(r"referenced manual not found|outdated mandoc\.db")

# Each page, with sections that it must have.
_PAGES = {
    requirement.MAN_PAGE: ("SYNOPSIS", "OPTIONS", "PROFILES", "EXIT STATUS", "COMPATIBILITY"),
    requirement.AGENT_MAN_PAGE: (
        "SYNOPSIS", "OPTIONS", "CONFIGURATION", "STANDALONE", "SIGNALS", "EXIT STATUS",
        "SECURITY CONSIDERATIONS",
    ),
    requirement.PLUGIN_MAN_PAGE: (
        "SYNOPSIS", "TARGETS", "OPTIONS", "TERMINAL", "CONNECTION", "ENVIRONMENT", "FILES",
        "EXIT STATUS", "EXAMPLES", "SECURITY CONSIDERATIONS",
    ),
}


class ManPageTest(unittest.TestCase):
    def test_every_page_is_tested_and_installed(self):
        self.assertEqual(set(_PAGES), set((requirement.ROOT / "man").glob("*.[0-9]")))
        build = (requirement.ROOT / "CMakeLists.txt").read_text()
        lines = re.findall(r"install\(FILES (man/[^)]*) DESTINATION", build)
        self.assertEqual(set(" ".join(lines).split()), {f"man/{page.name}" for page in _PAGES})

    def test_mandoc_has_nothing_to_say(self):
        for page in _PAGES:
            lint = subprocess.run(
                ["mandoc", "-Tlint", str(page)], capture_output=True, text=True
            )
            complaints = [
                line
                for line in (lint.stdout + lint.stderr).splitlines()
                if not _ABOUT_THE_MACHINE.search(line)
            ]
            with self.subTest(page.name):
                self.assertEqual(complaints, [])

    def test_it_renders_with_its_sections(self):
        for page, sections in _PAGES.items():
            text = subprocess.run(
                ["mandoc", "-Tascii", "-Owidth=80", str(page)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            # Bold is a letter, a backspace and the letter again.
            plain = re.sub(r".\x08", "", text)
            for section in sections:
                with self.subTest(page=page.name, section=section):
                    self.assertIn(f"\n{section}\n", plain)


if __name__ == "__main__":
    requirement.require_tool("mandoc")
    unittest.main()
