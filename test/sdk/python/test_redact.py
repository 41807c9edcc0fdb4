"""What the policy takes out of requests and answers: the SDKs must read streams in which texts were changed."""

import json
import os
import unittest

import anthropic
import openai
from google import genai
from google.genai import types

from common import ANTHROPIC, API_KEY, BASE_URL, CHAT, GEMINI, Case, city_schema

# The simulator says what it was asked to say, in texts and arguments, and in ids, where nothing is changed: the last of
# each is what it got.
CUSTOMER = 'C-"Zoë\\😀"'
BOTH = "get_weather and get_time"
TOOLS = ("get_weather", "get_time")
WAYS = (
    ("restored", {"x-test-redact": "restore"}, CUSTOMER, r"\[CUSTOMER_1_[a-z2-7]{8}\]$"),
    ("redacted", {"x-test-redact": "answer", "x-sim-fault": "canary=joe@example.com"}, "[EMAIL]", r"joe@example\.com$"),
)


def said(last):
    return [{"role": "user", "content": CUSTOMER}, {"role": "user", "content": last}]


@unittest.skipIf(os.environ.get("WEIR_SDK_TARGET") == "sim", "there is no gateway, and so no policy")
class Redact(Case):
    def each_way(self):
        for name, headers, want, got in WAYS:
            with self.subTest(name):
                yield headers, want, got

    def test_openai(self):
        client = openai.OpenAI(api_key=API_KEY, base_url=f"{BASE_URL}/v1", max_retries=0)
        self.addCleanup(client.close)
        tools = [{"type": "function", "function": {"name": n, "parameters": city_schema()}} for n in TOOLS]
        for headers, want, got in self.each_way():
            chunks = client.chat.completions.create(model=CHAT, messages=said("hi"), stream=True, extra_headers=headers)
            self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks), f"sim: hi {want}")
            with client.chat.completions.stream(model=CHAT, messages=said(BOTH), tools=tools, extra_headers=headers) as stream:
                answer = stream.get_final_completion()
            self.assertRegex(answer.id, got)
            message = answer.choices[0].message
            self.assertEqual([json.loads(c.function.arguments) for c in message.tool_calls], [{"canary": want}] * 2)

    def test_responses(self):
        client = openai.OpenAI(api_key=API_KEY, base_url=f"{BASE_URL}/v1", max_retries=0)
        self.addCleanup(client.close)
        tools = [{"type": "function", "name": n, "parameters": city_schema(), "strict": True} for n in TOOLS]
        for headers, want, got in self.each_way():
            with client.responses.stream(model=CHAT, input=said("hi"), extra_headers=headers) as stream:
                events = list(stream)
            self.assertEqual("".join(e.delta for e in events if e.type == "response.output_text.delta"), f"sim: hi {want}")
            self.assertEqual(events[-1].response.output_text, f"sim: hi {want}")
            with client.responses.stream(model=CHAT, input=said(BOTH), tools=tools, extra_headers=headers) as stream:
                answer = stream.get_final_response()
            self.assertRegex(answer.id, got)
            self.assertEqual([json.loads(item.arguments) for item in answer.output], [{"canary": want}] * 2)

    def test_anthropic(self):
        client = anthropic.Anthropic(api_key=API_KEY, base_url=BASE_URL, max_retries=0)
        self.addCleanup(client.close)
        tools = [{"name": n, "input_schema": city_schema()} for n in TOOLS]
        for headers, want, got in self.each_way():
            ask = {"model": ANTHROPIC, "max_tokens": 1024, "extra_headers": headers}
            with client.messages.stream(messages=said("hi"), **ask) as stream:
                self.assertEqual(stream.get_final_text(), f"sim: hi {want}")
            with client.messages.stream(messages=said(BOTH), tools=tools, **ask) as stream:
                message = stream.get_final_message()
            self.assertRegex(message.id, got)
            self.assertEqual([b.input for b in message.content if b.type == "tool_use"], [{"canary": want}] * 2)

    def test_genai(self):
        for headers, want, got in self.each_way():
            client = genai.Client(
                api_key=API_KEY,
                http_options=types.HttpOptions(base_url=BASE_URL, headers=headers, retry_options=types.HttpRetryOptions(attempts=1)),
            )
            self.addCleanup(client.close)
            declarations = [types.FunctionDeclaration(name=n, parameters_json_schema=city_schema()) for n in TOOLS]
            config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=declarations)])

            def contents(last):
                return [types.Content(role="user", parts=[types.Part(text=text)]) for text in (CUSTOMER, last)]

            chunks = client.models.generate_content_stream(model=GEMINI, contents=contents("hi"))
            self.assertEqual("".join(c.text or "" for c in chunks), f"sim: hi {want}")
            calls = []
            for chunk in client.models.generate_content_stream(model=GEMINI, contents=contents(BOTH), config=config):
                self.assertRegex(chunk.response_id, got)
                calls += [c.args for c in chunk.function_calls or []]
            self.assertEqual(calls, [{"canary": want}] * 2)
