"""docs/api.md says of the agent's API what its sources say: routes and the access they take,
parameters, causes, errors. Its examples are of routes and fields that exist, and its JSON is JSON;
every key of the configuration that a document names is one."""

import json
import re
import shlex
import unittest
from typing import NamedTuple

import requirement

_DOCUMENT = requirement.ROOT / "docs" / "api.md"
_AGENT = requirement.ROOT / "agent"
_BASE = "/apis/ns-debug.io/v1alpha1"

# Behind it in an example: the shell takes over.
_SHELL_OPERATORS = {"|", ">", "<", ";", "&"}


class Route(NamedTuple):
    """One line of the table of routes."""

    method: str
    path: str
    access: str  # "create pods/exec"; empty: whoever is authenticated


def _source(path: str) -> str:
    return (_AGENT / path).read_text()


def _source_routes() -> list[Route]:
    text = _source("server/route.cc").replace('NS_DEBUG_API "', f'"{_BASE}')
    routes = []
    for initializer in re.findall(r"Route\{Endpoint::\w+,((?:[^{}]|\{\w+\})*)\}", text):
        method, path, *access = re.findall(r'"([^"]*)"', initializer)
        routes.append(Route(method, path, " ".join([*access[:1], "/".join(access[1:])]).strip()))
    return routes


def _section(heading: str) -> str:
    text = _DOCUMENT.read_text()
    found = re.search(rf"(?ms)^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text)
    assert found, f"no section {heading}"
    return found[1]


def _rows(heading: str) -> list[list[str]]:
    """The cells of the section's first table, without its head; a backtick is no part of them."""
    lines = _section(heading).split("\n\n|", 1)[1].split("\n\n")[0].splitlines()
    return [
        [cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")]
        for line in lines[2:]
    ]


def _documented_routes() -> list[Route]:
    return [Route(row[0], row[1], row[3].replace("–", "")) for row in _rows("Routes")]


def _names(text: str, table: str) -> set[str]:
    """The names in the first column of a constexpr table of a source file."""
    body = re.search(rf"{table} = \{{\{{(.*?)\n\}}\}};", text, re.DOTALL)[1]
    return set(re.findall(r'\{"(\w+)",', body))


def _matches(route: Route, method: str, path: str) -> bool:
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route.path))
    return route.method == method and re.fullmatch(pattern, path) is not None


class Example(NamedTuple):
    """One call of curl."""

    method: str
    path: str
    body: str


def _examples(text: str) -> list[Example]:
    examples = []
    for line in re.findall(r"(?m)^ {4}((?:ask|curl) .*)$", text):
        tokens = list(shlex.shlex(line, posix=True, punctuation_chars="|&<>;"))
        tokens = shlex.split(line) if "|" not in tokens else shlex.split(line.rpartition("|")[0])
        url = next((t for t in tokens if "$AGENT" in t or t.startswith("https:")), None)
        if url is None:
            continue
        path = re.sub(r"^https://[^/]*", "", url.replace("$AGENT", _BASE)).partition("?")[0]
        body = tokens[tokens.index("-d") + 1] if "-d" in tokens else ""
        method = tokens[tokens.index("-X") + 1] if "-X" in tokens else "POST" if body else "GET"
        examples.append(Example(method, path, body))
    return examples


def _config_keys() -> set[str]:
    """Every key of the annotated file, with its sections before it. It has no lists of objects."""
    keys, path = set(), []
    text = (requirement.ROOT / "docs" / "ns-debug-agent.yaml").read_text()
    for indent, key in re.findall(r"(?m)^( *)(\w+):", text):
        path = [*path[: len(indent) // 2], key]
        keys.add(".".join(path))
    return keys


class ApiTest(unittest.TestCase):
    def test_routes_and_access(self):
        routes = _source_routes()
        self.assertGreater(len(routes), 15)
        self.assertIn(Route("GET", f"{_BASE}/pods", "list pods"), routes)
        self.assertIn(Route("GET", "/api", ""), routes)
        self.assertEqual(_documented_routes(), routes)

    def test_the_description_has_the_own_routes(self):
        described = {
            (method.upper(), _BASE + path)
            for path, item in json.loads(_source("openapi/openapi.json"))["paths"].items()
            for method in item
            if method != "parameters"
        }
        own = {
            (route.method, route.path)
            for route in _source_routes()
            if route.path.startswith(_BASE)
        }
        self.assertEqual(described, own)

    def test_parameters(self):
        columns = {"streamed": set(), "one-shot": set()}
        for names, streamed, one_shot, _ in _rows("Exec parameters"):
            for kind, said in (("streamed", streamed), ("one-shot", one_shot)):
                if said == "–":
                    continue
                # Of three in one line, the one-shot's column names the one that it has.
                all_names = {name.strip() for name in names.split(",")}
                named = {name for name in all_names if said.startswith(f"{name} ")}
                columns[kind] |= named or all_names
        self.assertEqual(columns["streamed"], _names(_source("exec/exec_query.cc"), "kParameters"))
        self.assertEqual(columns["one-shot"], _names(_source("exec/exec_body.cc"), "kFields"))

    def test_causes(self):
        causes = set(re.findall(r'return "([^"]+)";', _source("session/session_end.cc")))
        self.assertIn("exit", causes)
        documented = {row[0] for row in _rows("How a session ended")}
        self.assertEqual(documented, causes)

    def test_errors(self):
        text = _source("server/status_response.cc")
        status, reasons = text.split("ReasonOf(Code code)")
        cases = r"((?:case Code::\w+:\s*)+)return %s;"
        codes = {
            name: code
            for names, code in re.findall(cases % r"(\d+)", status)
            for name in re.findall(r"k\w+", names)
        }
        pairs = {
            (codes[name], reason)
            for names, reason in re.findall(cases % r'"(\w+)"', reasons)
            for name in re.findall(r"k\w+", names)
        }
        for path in (_AGENT / "server").glob("*.cc"):
            pairs |= set(re.findall(r'StatusResponse\(([45]\d\d), "(\w+)"', path.read_text()))
        self.assertIn(("405", "MethodNotAllowed"), pairs)
        self.assertEqual({(row[0], row[1]) for row in _rows("Errors")}, pairs)

    def test_examples(self):
        routes, fields = _source_routes(), _names(_source("exec/exec_body.cc"), "kFields")
        readme = (requirement.ROOT / "README.md").read_text()
        examples = _examples(_DOCUMENT.read_text()) + _examples(readme)
        self.assertGreater(len(examples), 10)
        for example in examples:
            with self.subTest(example):
                self.assertTrue(any(_matches(r, example.method, example.path) for r in routes))
                if example.body:
                    self.assertLessEqual(set(json.loads(example.body)), fields)

    def test_json(self):
        blocks = re.findall(r"(?ms)^```json$(.*?)^```$", _DOCUMENT.read_text())
        self.assertGreater(len(blocks), 3)
        for block in blocks:
            json.loads(block)

    def test_keys_of_the_configuration(self):
        keys = _config_keys()
        sections = "|".join({key.partition(".")[0] for key in keys if "." in key})
        named = re.compile(rf"`((?:{sections})\.\w[\w.]*)`")
        count = 0
        documents = {*requirement.ROOT.glob("*.md"), *requirement.ROOT.glob("docs/*.md")}
        # This one has the chart's values, which are not the agent's keys.
        documents.remove(requirement.ROOT / "docs" / "install.md")
        for document in documents:
            for key in named.findall(document.read_text()):
                count += 1
                with self.subTest(document=document.name, key=key):
                    self.assertIn(key, keys)
        self.assertGreater(count, 15)


if __name__ == "__main__":
    unittest.main()
