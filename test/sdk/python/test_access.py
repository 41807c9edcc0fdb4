"""A gateway that asks for access keys: each SDK has one where it has its API key, and every refusal is an error of its own."""

import os
import unittest

import anthropic
import openai
from google import genai
from google.genai import errors, types

URL = os.environ.get("WEIR_KEYED_URL")
MODEL = os.environ.get("WEIR_KEYED_MODEL")
KEY = os.environ.get("WEIR_KEY", "")
WRONG = KEY + "x"
POOR = {status: os.environ.get(f"WEIR_KEY_{status}") for status in (402, 429)}
MESSAGES = [{"role": "user", "content": "hello there"}]
SPENT = r"spent.*\$0\.01"


@unittest.skipUnless(URL, "there is no gateway, and so no key")
class Access(unittest.TestCase):
    def openai(self, key):
        client = openai.OpenAI(api_key=key, base_url=f"{URL}/v1")
        self.addCleanup(client.close)
        return client

    def anthropic(self, **key):
        client = anthropic.Anthropic(base_url=URL, **key)
        self.addCleanup(client.close)
        return client

    def genai(self, key):
        options = types.HttpOptions(base_url=URL, retry_options=types.HttpRetryOptions(attempts=1))
        client = genai.Client(api_key=key, http_options=options)
        self.addCleanup(client.close)
        return client

    def test_openai(self):
        raw = self.openai(KEY).chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
        self.assertIn("hello there", raw.parse().choices[0].message.content)
        self.assertEqual(raw.headers["x-ratelimit-limit-requests"], "100000")
        self.assertLess(int(raw.headers["x-ratelimit-remaining-requests"]), 100000)
        self.assertEqual([m.id for m in self.openai(KEY).models.list() if m.id != "auto"], [MODEL])
        with self.assertRaises(openai.AuthenticationError):
            self.openai(WRONG).chat.completions.create(model=MODEL, messages=MESSAGES)
        with self.assertRaises(openai.PermissionDeniedError):
            self.openai(KEY).chat.completions.create(model="hidden", messages=MESSAGES)
        for status, kind in ((402, openai.APIStatusError), (429, openai.RateLimitError)):
            for stream in (False, True):
                with self.subTest(status=status, stream=stream), self.assertRaisesRegex(kind, SPENT) as got:
                    self.openai(POOR[status]).chat.completions.create(model=MODEL, messages=MESSAGES, stream=stream)
                self.assertEqual(got.exception.status_code, status)
                self.assertEqual(got.exception.code, "budget_exceeded")

    def test_anthropic(self):
        ask = {"model": MODEL, "max_tokens": 100, "messages": MESSAGES}
        for key in ({"api_key": KEY}, {"auth_token": KEY}):
            raw = self.anthropic(**key).messages.with_raw_response.create(**ask)
            self.assertIn("hello there", raw.parse().content[0].text)
            self.assertEqual(raw.headers["x-ratelimit-limit-requests"], "100000")
        with self.assertRaises(anthropic.AuthenticationError):
            self.anthropic(api_key=WRONG).messages.create(**ask)
        for status, kind in ((402, anthropic.APIStatusError), (429, anthropic.RateLimitError)):
            for stream in (False, True):
                with self.subTest(status=status, stream=stream), self.assertRaisesRegex(kind, SPENT) as got:
                    self.anthropic(api_key=POOR[status]).messages.create(**ask, stream=stream)
                self.assertEqual(got.exception.status_code, status)

    def test_genai(self):
        answer = self.genai(KEY).models.generate_content(model=MODEL, contents="hello there")
        self.assertIn("hello there", answer.text)
        self.assertEqual(answer.sdk_http_response.headers["x-ratelimit-limit-requests"], "100000")
        for key, status in ((WRONG, 401), (POOR[402], 402), (POOR[429], 429)):
            with self.subTest(status=status), self.assertRaises(errors.ClientError) as got:
                self.genai(key).models.generate_content(model=MODEL, contents="x")
            self.assertEqual(got.exception.code, status)
