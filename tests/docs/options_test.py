"""Every option of ns-enter --help stands in the man page and in the completion, and no other; and
of the agent's in its man page, with the variables of its environment; and of kubectl's plugin, with
its exit codes."""

import pathlib
import re
import subprocess
import unittest

import requirement

# An option, not the middle of a word such as "ns-enter".
_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*[a-z]|-[A-Za-z])(?![\w-])")


def _help(program: str) -> str:
    return subprocess.run(
        [program, "--help"], check=True, capture_output=True, text=True
    ).stdout


def _man_options(page: pathlib.Path) -> set[str]:
    """The options that have an entry of their own, ".It Fl t , Fl -target ..."."""
    entries = [line for line in page.read_text().splitlines() if line.startswith(".It Fl ")]
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
        self.help = set(_OPTION.findall(_help(requirement.ns_enter())))
        # Guards against a help text that this test does not understand.
        self.assertLessEqual({"-t", "--target", "--pod", "--cap-drop", "--cpus"}, self.help)

    def test_man_page_has_the_options_of_help(self):
        self.assertEqual(_man_options(requirement.MAN_PAGE), self.help)

    def test_completion_has_the_options_of_help(self):
        self.assertEqual(_completion_options(), self.help)

    def test_every_short_option_is_listed_with_its_long_one(self):
        page = requirement.MAN_PAGE.read_text()
        for option in sorted(o for o in self.help if len(o) == 2):
            self.assertRegex(page, rf"(?m)^\.It Fl {option[1]} , Fl -[a-z-]+")


class AgentOptionsTest(unittest.TestCase):
    def setUp(self):
        options, _, self.environment = _help(requirement.ns_debug_agent()).partition("Environment")
        # A line of its own for each; CLI11 writes "-h,--help".
        lines = re.findall(r"(?m)^  (-\S+)", options)
        self.help = {option for line in lines for option in line.split(",")}
        self.assertLessEqual({"-h", "--config", "--standalone", "--log-level"}, self.help)

    def test_man_page_has_the_options_of_help(self):
        self.assertEqual(_man_options(requirement.AGENT_MAN_PAGE), self.help)

    def test_man_page_has_the_variables_of_help(self):
        names = set(re.findall(r"(?m)^  ([A-Z_]+) ", self.environment))
        self.assertIn("NODE_NAME", names)
        page = requirement.AGENT_MAN_PAGE.read_text()
        for name in names:
            self.assertRegex(page, rf"(?m)^\.It Ev {name}$")


class PluginOptionsTest(unittest.TestCase):
    def setUp(self):
        self.text = _help(requirement.plugin())
        # Of the options alone: the examples after them have options of other programs.
        options = self.text.partition("TARGET is a POD")[0]
        lines = re.findall(r"(?m)^  (-\S+)", options)
        self.help = {option for line in lines for option in line.split(",")}
        self.assertLessEqual({"-h", "-c", "--context", "--sandbox", "--agent"}, self.help)

    def test_man_page_has_the_options_of_help(self):
        self.assertEqual(_man_options(requirement.PLUGIN_MAN_PAGE), self.help)

    def test_man_page_has_the_exit_codes_of_the_source(self):
        source = (requirement.ROOT / "kubectl" / "exit_code.h").read_text()
        codes = set(re.findall(r"(?m)^inline constexpr int kExit\w+ = (\d+);", source))
        self.assertLessEqual({"1", "130", "240", "246"}, codes)
        page = requirement.PLUGIN_MAN_PAGE.read_text()
        self.assertEqual(set(re.findall(r"(?m)^\.It (\d+)$", page)), codes)
        told = self.text.partition("Exit status:")[2]
        self.assertEqual(set(re.findall(r"\b\d+\b", told)), codes)

    def test_examples_name_options_that_there_are(self):
        commands = re.findall(r"(?m)^  kubectl ns-debug (.*?)(?: -- .*)?$", self.text)
        self.assertGreater(len(commands), 8)
        for command in commands:
            self.assertLessEqual(set(_OPTION.findall(command)), self.help, command)


if __name__ == "__main__":
    requirement.require_tool("bash")
    unittest.main()
