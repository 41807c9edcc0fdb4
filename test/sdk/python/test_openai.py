import json

import openai
from pydantic import BaseModel

from common import API_KEY, BASE_URL, CHAT, EMBED, MISSING, PIXEL, Case, city_schema, refuse


class Person(BaseModel):
    name: str
    age: int


def user(content):
    return [{"role": "user", "content": content}]


def function(name):
    return {"type": "function", "function": {"name": name, "parameters": city_schema()}}


class OpenAI(Case):
    def setUp(self):
        self.client = openai.OpenAI(api_key=API_KEY, base_url=f"{BASE_URL}/v1", max_retries=0)
        self.addCleanup(self.client.close)

    def test_chat(self):
        answer = self.client.chat.completions.create(model=CHAT, messages=user("hello there"))
        self.assertIn("hello there", answer.choices[0].message.content)
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertGreater(answer.usage.total_tokens, 0)
        self.assertTrue(answer._request_id)

    def test_chat_stream(self):
        stream = self.client.chat.completions.create(
            model=CHAT, messages=user("one two three"), stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        self.assertIn("one two three", text)
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.total_tokens, 0)
        self.assertGreater(len(chunks), 3)

    def test_chat_stream_that_the_client_leaves(self):
        with self.client.chat.completions.create(model=CHAT, messages=user("a b c d"), stream=True) as stream:
            next(iter(stream))
        self.assertTrue(stream.response.is_closed)

    def test_tool_and_its_result(self):
        messages = user("use get_weather")
        first = self.client.chat.completions.create(model=CHAT, messages=messages, tools=[function("get_weather")])
        self.assertEqual(first.choices[0].finish_reason, "tool_calls")
        call = first.choices[0].message.tool_calls[0]
        self.assertIn("city", json.loads(call.function.arguments))
        messages += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
        second = self.client.chat.completions.create(model=CHAT, messages=messages, tools=[function("get_weather")])
        self.assertIn("sunny", second.choices[0].message.content)

    def test_parallel_tools_in_a_stream(self):
        names, arguments = {}, {}
        for chunk in self.client.chat.completions.create(
            model=CHAT,
            messages=user("get_weather and get_time"),
            tools=[function("get_weather"), function("get_time")],
            stream=True,
        ):
            for call in chunk.choices[0].delta.tool_calls or []:
                names[call.index] = call.function.name or names[call.index]
                arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
        self.assertEqual(names, {0: "get_weather", 1: "get_time"})
        for text in arguments.values():
            self.assertIn("city", json.loads(text))

    def test_vision(self):
        answer = self.client.chat.completions.create(
            model=CHAT,
            messages=user(
                [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                ]
            ),
        )
        self.assertIn("saw 1 images", answer.choices[0].message.content)

    def test_structured_output(self):
        answer = self.client.chat.completions.parse(model=CHAT, messages=user("who"), response_format=Person)
        self.assertIsInstance(answer.choices[0].message.parsed, Person)

    def test_completions(self):
        answer = self.client.completions.create(model=CHAT, prompt="once upon")
        self.assertIn("once upon", answer.choices[0].text)

    def test_responses(self):
        first = self.client.responses.create(model=CHAT, input="hello there")
        self.assertEqual(first.status, "completed")
        self.assertIn("hello there", first.output_text)
        second = self.client.responses.create(model=CHAT, previous_response_id=first.id, input="and more")
        self.assertIn("and more", second.output_text)
        self.assertEqual(self.client.responses.retrieve(first.id).id, first.id)
        self.client.responses.delete(first.id)
        with self.assertRaises(openai.NotFoundError):
            self.client.responses.retrieve(first.id)

    def test_responses_cancel(self):
        started = self.client.responses.create(model=CHAT, input="later", background=True)
        self.assertEqual(started.status, "queued")
        self.assertEqual(self.client.responses.cancel(started.id).status, "cancelled")

    def test_responses_stream(self):
        with self.client.responses.stream(model=CHAT, input="one two") as stream:
            events = list(stream)
            final = stream.get_final_response()
        self.assertEqual(events[0].type, "response.created")
        self.assertEqual(events[-1].type, "response.completed")
        numbers = [e.sequence_number for e in events if getattr(e, "sequence_number", None) is not None]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertIn("one two", final.output_text)

    def test_responses_tool_vision_and_structured_output(self):
        tool = {"type": "function", "name": "get_weather", "parameters": city_schema(), "strict": True}
        answer = self.client.responses.create(model=CHAT, input="use get_weather", tools=[tool])
        self.assertEqual(answer.output[0].type, "function_call")
        self.assertIn("city", json.loads(answer.output[0].arguments))
        picture = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PIXEL}"}
        answer = self.client.responses.create(model=CHAT, input=user([{"type": "input_text", "text": "look"}, picture]))
        self.assertIn("saw 1 images", answer.output_text)
        answer = self.client.responses.parse(model=CHAT, input="who", text_format=Person)
        self.assertIsInstance(answer.output_parsed, Person)

    def test_embeddings(self):
        answer = self.client.embeddings.create(model=EMBED, input=["a", "b"])
        self.assertEqual(len(answer.data), 2)
        plain = self.client.embeddings.create(model=EMBED, input=["a", "b"], encoding_format="float")
        # The SDK asks for base64 by itself and decodes it: both ways must give the same numbers.
        self.assertAlmostEqual(plain.data[1].embedding[0], answer.data[1].embedding[0], places=6)

    def test_models(self):
        ids = [m.id for m in self.client.models.list()]
        self.assertTrue(any(i.endswith("echo") for i in ids), ids)
        self.assertEqual(self.client.models.retrieve(CHAT).object, "model")

    def test_moderations_images_speech_transcription(self):
        self.assertTrue(self.client.moderations.create(model=CHAT, input="pure violence").results[0].flagged)
        self.assertTrue(self.client.images.generate(model=CHAT, prompt="a fox").data[0].b64_json)
        wav = self.client.audio.speech.create(model=CHAT, voice="alloy", input="hi").read()
        self.assertTrue(wav.startswith(b"RIFF"))
        heard = self.client.audio.transcriptions.create(model=CHAT, file=("a.wav", wav))
        self.assertIn("a.wav", heard.text)

    def test_refusals_are_the_sdks_own_errors(self):
        for status, kind in {
            400: openai.BadRequestError,
            401: openai.AuthenticationError,
            403: openai.PermissionDeniedError,
            404: openai.NotFoundError,
            429: openai.RateLimitError,
            503: openai.InternalServerError,
        }.items():
            header = refuse(status)
            for ask in (
                lambda: self.client.chat.completions.create(model=CHAT, messages=user("x"), extra_headers=header),
                lambda: self.client.chat.completions.create(model=CHAT, messages=user("x"), stream=True, extra_headers=header),
                lambda: self.client.responses.create(model=CHAT, input="x", extra_headers=header),
                lambda: self.client.embeddings.create(model=EMBED, input="x", extra_headers=header),
            ):
                with self.subTest(status=status), self.assertRaises(kind) as caught:
                    ask()
                self.assertEqual(caught.exception.status_code, status)
                self.assertTrue(caught.exception.request_id)
                self.assertTrue(caught.exception.body["message"])

    def test_an_unknown_model_is_not_found(self):
        with self.assertRaises(openai.NotFoundError):
            self.client.chat.completions.create(model=MISSING, messages=user("x"))

    def test_a_request_without_messages_is_bad(self):
        with self.assertRaises(openai.BadRequestError):
            self.client.chat.completions.create(model=CHAT, messages=[])

    def test_an_error_within_a_stream_is_raised(self):
        stream = self.client.chat.completions.create(
            model=CHAT, messages=user("a b c d"), stream=True, extra_headers={"x-sim-fault": "error-event-at=2"}
        )
        with self.assertRaises(openai.APIError):
            list(stream)
