"""ns-enter takes every example of its man page and of the Markdown documents: none has an option
that does not exist or a combination that is refused. Nothing is entered: each is run with
--explain. The same of the agent's, with --check-config."""

import os
import pathlib
import re
import shlex
import subprocess
import unittest

import requirement

# In every message about the command line itself, and in none about the target.
_USAGE = re.compile(r"see ns-enter --help|no namespace specified")

# The process of the examples; a live one stands for it here.
_PROCESS = "4242"

_SHELL_OPERATORS = {"|", ">", "<", ">&", "<&", ";", "&"}


def _examples(page: pathlib.Path = requirement.MAN_PAGE) -> list[str]:
    """The one-line displays of the page, as the reader sees them."""
    lines = page.read_text().splitlines()
    examples = [line[len(".Dl ") :] for line in lines if line.startswith(".Dl ")]
    return [example.replace("\\-", "-") for example in examples]


def _document_examples(program: str = "ns-enter") -> list[str]:
    """The command lines of a program that the documents have in backticks or in a block of code."""
    found = []
    for document in [*requirement.ROOT.glob("*.md"), *requirement.ROOT.glob("docs/*.md")]:
        text = document.read_text()
        found += re.findall(rf"`({program} [^`\n]+)`", text)
        found += re.findall(rf"(?m)^(?:# |\$ | {{4}})({program} .+)$", text)
    return found


def _arguments(example: str, program: str = "ns-enter") -> list[str]:
    """What the shell would hand to the program."""
    lexer = shlex.shlex(example, posix=True, punctuation_chars="|&<>;")
    lexer.whitespace_split = True
    tokens = list(lexer)
    tokens = tokens[tokens.index(program) + 1 :]
    end = next((i for i, token in enumerate(tokens) if token in _SHELL_OPERATORS), len(tokens))
    return tokens[:end]


def _explain(example: str) -> str:
    """What ns-enter has to say against it."""
    # With the descriptor that examples redirect.
    command = ["bash", "-c", 'exec "$@" 3</dev/null', "bash",
               requirement.ns_enter(), "--explain", *_arguments(example)]
    answer = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
    return answer.stderr


def _check_config(example: str) -> subprocess.CompletedProcess:
    """What the agent says about this command line, with a file of its own for --config."""
    arguments = _arguments(example, "ns-debug-agent")
    if "--config" in arguments:
        at = arguments.index("--config") + 1
        arguments[at] = str(requirement.ROOT / "docs" / "ns-debug-agent.yaml")
    command = [requirement.ns_debug_agent(), "--check-config", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


class ExamplesTest(unittest.TestCase):
    def test_every_example_is_one_of_ns_enter(self):
        examples = _examples()
        self.assertGreater(len(examples), 50)
        for example in examples:
            self.assertRegex(example, r"(^|\| )ns-enter( |$)")

    def test_no_example_is_refused_for_its_options(self):
        for example in _examples():
            with self.subTest(example):
                self.assertNotRegex(_explain(example.replace(_PROCESS, str(os.getpid()))), _USAGE)

    def test_no_example_of_the_documents_is_refused_for_its_options(self):
        examples = _document_examples()
        self.assertGreater(len(examples), 10)
        for example in examples:
            with self.subTest(example):
                self.assertNotRegex(_explain(example.replace(_PROCESS, str(os.getpid()))), _USAGE)

    def test_a_wrong_example_would_be_noticed(self):
        self.assertRegex(_explain("ns-enter -n --taget 2 id"), _USAGE)
        self.assertRegex(_explain(f"ns-enter -t {os.getpid()} -r ls"), _USAGE)

    def test_every_option_has_an_example(self):
        # --plan-fd speaks a protocol of its own; the rest can be tried by hand.
        page = requirement.MAN_PAGE.read_text()
        entries = re.split(r"(?m)^(?=\.It Fl |\.El)", page)
        for entry in (e for e in entries if e.startswith(".It Fl ")):
            first = entry.splitlines()[0]
            if "plan-fd" in first:
                continue
            with self.subTest(first):
                display = " ".join(l for l in entry.splitlines() if l.startswith(".Dl "))
                names = re.findall(r"Fl (-?[\w-]+)", first)
                options = ["-" + name for name in names]
                self.assertTrue(
                    any(re.search(rf" {re.escape(o)}(?![a-z-])", display.replace("\\-", "-"))
                        for o in options),
                    f"no example of {options}",
                )


class AgentExamplesTest(unittest.TestCase):
    def test_no_example_is_refused(self):
        examples = [
            *(e for e in _examples(requirement.AGENT_MAN_PAGE) if e.startswith("ns-debug-agent")),
            *_document_examples("ns-debug-agent"),
        ]
        self.assertGreater(len(examples), 8)
        for example in examples:
            with self.subTest(example):
                answer = _check_config(example)
                self.assertEqual((answer.returncode, answer.stderr), (0, ""))

    def test_a_wrong_example_would_be_noticed(self):
        self.assertEqual(_check_config("ns-debug-agent --standalon").returncode, 2)

    def test_every_option_has_an_example(self):
        entries = re.split(r"(?m)^(?=\.It |\.El)", requirement.AGENT_MAN_PAGE.read_text())
        for entry in (e for e in entries if e.startswith(".It Fl ")):
            name = re.findall(r"Fl (--?[\w-]+|-[\w-]+)", entry.splitlines()[0])[-1]
            with self.subTest(name):
                self.assertRegex(entry.replace("\\-", "-"), rf"(?m)^\.Dl .*-{re.escape(name)}")


if __name__ == "__main__":
    unittest.main()
