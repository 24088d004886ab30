"""The bash completion answers what it should, without the bash-completion package."""

import os
import re
import shlex
import subprocess
import tempfile
import unittest

import requirement

# As readline splits: at blanks, and an "=" is a word of its own.
_WORD = re.compile(r"=|[^\s=]+")

# The directory comes first, so that relative files can be completed.
_SCRIPT = """
cd "$1" && source "$2" && shift 2
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_ns_enter
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(line: str, directory: str = "/") -> list[str]:
    """What the completion offers behind this command line; a blank at its end starts a word."""
    words = _WORD.findall(line)
    if line.endswith((" ", "=")):
        words.append("")
    answer = subprocess.run(
        ["bash", "--norc", "-c", _SCRIPT, "bash", directory, str(requirement.COMPLETION), *words],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert answer.stderr == "", answer.stderr
    return [word for word in answer.stdout.split("\n") if word]


class CompletionTest(unittest.TestCase):
    def test_options(self):
        self.assertEqual(complete("ns-enter --pr"), ["--preserve-credentials", "--profile"])
        self.assertIn("-t", complete("ns-enter -"))
        self.assertIn("--target", complete("ns-enter -a -"))

    def test_arguments_with_a_fixed_choice(self):
        for line, offered in {
            "ns-enter --view ": ["toolbox", "container", "host"],
            "ns-enter --view=c": ["container"],
            "ns-enter --profile s": ["sysadmin"],
            "ns-enter --explain -o ": ["text", "json"],
            "ns-enter --output=j": ["json"],
            "ns-enter --cap-add NET_": [
                "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW",
            ],
            "ns-enter --cap-drop a": ["all"],
            "ns-enter -S f": ["follow"],
            "ns-enter --cgroup-parent n": ["none"],
        }.items():
            with self.subTest(line):
                self.assertEqual(complete(line), offered)

    def test_ns_enter_knows_the_capabilities(self):
        # It refuses an unknown one before it comes to the view.
        for name in complete("ns-enter --cap-add "):
            command = [requirement.ns_enter(), "--cap-add", name, "--explain", "--view", "none"]
            answer = subprocess.run(command, capture_output=True, text=True)
            with self.subTest(name):
                self.assertIn("unknown view", answer.stderr)

    def test_lists_of_new_namespaces(self):
        self.assertEqual(complete("ns-enter --new u"), ["user", "uts"])
        self.assertEqual(complete("ns-enter --new net,u"), ["net,user", "net,uts"])
        self.assertNotIn("net,net", complete("ns-enter --new net,"))

    def test_targets_are_processes(self):
        self.assertIn(str(os.getpid()), complete("ns-enter -t "))
        self.assertIn(str(os.getpid()), complete(f"ns-enter --target={str(os.getpid())[0]}"))

    def test_files_and_directories(self):
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(os.path.join(directory, "name spaces"))
            open(os.path.join(directory, "net"), "w").close()
            self.assertEqual(
                sorted(complete("ns-enter --net=n", directory)), ["name spaces", "net"]
            )
            self.assertEqual(complete("ns-enter -n=ne", directory), ["net"])
            self.assertEqual(complete("ns-enter --toolbox n", directory), ["name spaces"])
        self.assertEqual(complete("ns-enter --net=/proc/self/ns/ne"), ["/proc/self/ns/net"])

    def test_the_command_follows_the_options(self):
        for line in ("ns-enter -t 1 -n mkdi", "ns-enter -a -- mkdi", "ns-enter --pod shop/web mkdi",
                     "ns-enter --net=/proc/1/ns/net mkdi"):
            with self.subTest(line):
                self.assertIn("mkdir", complete(line))
        # Behind the command nothing is ours any more.
        self.assertNotIn("--target", complete("ns-enter -n ls --ta"))

    def test_c_takes_a_name_behind_pod_only(self):
        self.assertIn("mkdir", complete("ns-enter -t 1 -c mkdi"))
        self.assertEqual(complete("ns-enter --pod shop/web -c mkdi"), [])
        self.assertIn("mkdir", complete("ns-enter --pod shop/web -c app mkdi"))

    def test_an_unsplit_equals_sign(self):
        script = (
            f"source {shlex.quote(str(requirement.COMPLETION))}; "
            "COMP_WORDS=(ns-enter --view=t); COMP_CWORD=1; _ns_enter; echo ${COMPREPLY[@]}"
        )
        answer = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
        self.assertEqual(answer.stdout, "--view=toolbox\n")

    def test_it_is_registered(self):
        script = f"source {shlex.quote(str(requirement.COMPLETION))}; complete -p ns-enter"
        answer = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
        self.assertEqual(answer.stdout, "complete -F _ns_enter ns-enter\n")


if __name__ == "__main__":
    requirement.require_tool("bash")
    unittest.main()
