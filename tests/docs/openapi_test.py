"""The description of the agent's API is consistent in itself: references lead somewhere, and every
operation says what it is called, who may call it and how it fails."""

import json
import re
import unittest

import requirement

_DOCUMENT = requirement.ROOT / "agent" / "openapi" / "openapi.json"

_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def _no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key twice in {keys}"
    return dict(pairs)


def _walk(value, path="#"):
    """Every object in the document, with its place."""
    if isinstance(value, dict):
        yield path, value
        for key, item in value.items():
            yield from _walk(item, f"{path}/{key}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(item, f"{path}/{number}")


class OpenApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = json.loads(_DOCUMENT.read_text(), object_pairs_hook=_no_duplicates)

    def _resolve(self, value):
        while "$ref" in value:
            self.assertRegex(value["$ref"], r"^#/")
            found = self.document
            for part in value["$ref"][2:].split("/"):
                self.assertIn(part, found, value["$ref"])
                found = found[part]
            value = found
        return value

    def _operations(self):
        """Each with its path and with its parameters, those of the path included."""
        for path, item in self.document["paths"].items():
            self.assertLessEqual(set(item), _METHODS | {"parameters"}, path)
            for method in _METHODS & set(item):
                operation = item[method]
                parameters = item.get("parameters", []) + operation.get("parameters", [])
                yield f"{method} {path}", operation, [self._resolve(p) for p in parameters]

    def test_it_is_an_openapi_document(self):
        # From 3.1 on there is mutualTLS.
        self.assertRegex(self.document["openapi"], r"^3\.1\.\d+$")
        self.assertEqual(self.document["servers"], [{"url": "/apis/ns-debug.io/v1alpha1"}])
        for key in ("title", "version"):
            self.assertTrue(self.document["info"][key])

    def test_every_reference_leads_somewhere_and_nothing_is_left_over(self):
        used = set()
        for path, value in _walk(self.document):
            if "$ref" in value:
                # Beside a reference, older readers see nothing.
                self.assertEqual(list(value), ["$ref"], path)
                self._resolve(value)
                used.add(value["$ref"])
        for kind in ("parameters", "responses", "schemas"):
            for name in self.document["components"][kind]:
                self.assertIn(f"#/components/{kind}/{name}", used)

    def test_every_operation_has_its_name(self):
        names = [operation.get("operationId") for _, operation, _ in self._operations()]
        self.assertGreater(len(names), 8)
        self.assertNotIn(None, names)
        self.assertEqual(len(names), len(set(names)))

    def test_every_operation_says_who_may_call_it(self):
        schemes = self.document["components"]["securitySchemes"]
        self.assertEqual(set(schemes), {"bearer", "mutualTLS"})
        for name, operation, _ in self._operations():
            with self.subTest(name):
                # An empty one among them would be: or nobody in particular.
                self.assertEqual(operation["security"], [{scheme: []} for scheme in schemes])
                self.assertIn("Needs: ", operation["description"])

    def test_every_operation_says_how_it_fails(self):
        for name, operation, _ in self._operations():
            with self.subTest(name):
                responses = operation["responses"]
                self.assertLessEqual({"400", "401", "403", "429"}, set(responses))
                self.assertTrue(any(code[0] in "12" for code in responses))
                for code, response in responses.items():
                    response = self._resolve(response)
                    self.assertTrue(response["description"])
                    if code[0] in "45":
                        schema = response["content"]["application/json"]["schema"]
                        self.assertEqual(schema, {"$ref": "#/components/schemas/Status"})

    def test_the_parameters_of_the_paths_are_described(self):
        for name, operation, parameters in self._operations():
            with self.subTest(name):
                in_path = {p["name"] for p in parameters if p["in"] == "path"}
                self.assertEqual(in_path, set(re.findall(r"\{(\w+)\}", name)))
                keys = [(p["in"], p["name"]) for p in parameters]
                self.assertEqual(len(keys), len(set(keys)))

    def test_every_required_property_is_described(self):
        for path, value in _walk(self.document["components"]["schemas"]):
            if isinstance(value.get("required"), list):
                self.assertLessEqual(set(value["required"]), set(value["properties"]), path)


if __name__ == "__main__":
    unittest.main()
