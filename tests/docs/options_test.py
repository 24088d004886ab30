"""Every option of ns-enter --help stands in the man page and in the completion, and no other."""

import re
import subprocess
import unittest

import requirement

# An option, not the middle of a word such as "ns-enter".
_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*[a-z]|-[A-Za-z])(?![\w-])")


def _help_options() -> set[str]:
    text = subprocess.run(
        [requirement.ns_enter(), "--help"], check=True, capture_output=True, text=True
    ).stdout
    return set(_OPTION.findall(text))


def _man_options() -> set[str]:
    """The options that have an entry of their own, ".It Fl t , Fl -target ..."."""
    entries = [
        line
        for line in requirement.MAN_PAGE.read_text().splitlines()
        if line.startswith(".It Fl ")
    ]
    return {"-" + name for line in entries for name in re.findall(r"Fl (-?[\w-]+)", line)}


def _completion_options() -> set[str]:
    script = (
        f"source '{requirement.COMPLETION}'; "
        'printf "%s\\n" "${_ns_enter_options[@]}" "${_ns_enter_short[@]}"'
    )
    answer = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
    return set(answer.stdout.split())


class OptionsTest(unittest.TestCase):
    def setUp(self):
        self.help = _help_options()
        # Guards against a help text that this test does not understand.
        self.assertLessEqual({"-t", "--target", "--pod", "--cap-drop", "--cpus"}, self.help)

    def test_man_page_has_the_options_of_help(self):
        self.assertEqual(_man_options(), self.help)

    def test_completion_has_the_options_of_help(self):
        self.assertEqual(_completion_options(), self.help)

    def test_every_short_option_is_listed_with_its_long_one(self):
        page = requirement.MAN_PAGE.read_text()
        for option in sorted(o for o in self.help if len(o) == 2):
            self.assertRegex(page, rf"(?m)^\.It Fl {option[1]} , Fl -[a-z-]+")


if __name__ == "__main__":
    requirement.require_tool("bash")
    unittest.main()
