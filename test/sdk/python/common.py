"""What every suite knows about the gateway it talks to."""

import json
import os
import unittest

BASE_URL = os.environ["WEIR_BASE_URL"]
API_KEY = os.environ["WEIR_API_KEY"]
CHAT = os.environ.get("WEIR_MODEL_CHAT", "sim:echo")
ANTHROPIC = os.environ.get("WEIR_MODEL_ANTHROPIC", "sim:echo")
GEMINI = os.environ.get("WEIR_MODEL_GEMINI", "sim:echo")
EMBED = os.environ.get("WEIR_MODEL_EMBED", "sim:embed")
MISSING = os.environ.get("WEIR_MODEL_MISSING", "sim:no-such-model")

# A picture of one pixel.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def city_schema():
    return {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }


PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def refuse(status):
    """The header of a refusal that the simulator, or the policy of the gateway under test, gives on order."""
    return {"x-sim-fault": f"status={status}"}


class Case(unittest.TestCase):
    def assert_person(self, text):
        value = json.loads(text)
        self.assertIsInstance(value["name"], str)
        self.assertIsInstance(value["age"], int)
