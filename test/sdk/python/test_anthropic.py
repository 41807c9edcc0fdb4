import anthropic

from common import ANTHROPIC, API_KEY, BASE_URL, MISSING, PERSON, PIXEL, Case, city_schema, refuse


def user(content):
    return [{"role": "user", "content": content}]


def tool(name):
    return {"name": name, "input_schema": city_schema()}


def base(content, **more):
    return {"model": ANTHROPIC, "max_tokens": 4096, "messages": user(content), **more}


class Anthropic(Case):
    def setUp(self):
        self.client = anthropic.Anthropic(api_key=API_KEY, base_url=BASE_URL, max_retries=0)
        self.addCleanup(self.client.close)

    def test_messages(self):
        message = self.client.messages.create(**base("hello there", system="be brief"))
        self.assertIn("hello there", message.content[0].text)
        self.assertEqual(message.stop_reason, "end_turn")
        self.assertGreater(message.usage.input_tokens, 0)
        self.assertTrue(message._request_id)

    def test_stream(self):
        with self.client.messages.stream(**base("one two three")) as stream:
            texts = list(stream.text_stream)
            message = stream.get_final_message()
        self.assertIn("one two three", "".join(texts))
        self.assertGreater(len(texts), 2)
        self.assertEqual(message.stop_reason, "end_turn")
        self.assertGreater(message.usage.output_tokens, 1)

    def test_tool_and_its_result(self):
        messages = user("use get_weather")
        first = self.client.messages.create(**base("use get_weather", tools=[tool("get_weather")]))
        self.assertEqual(first.stop_reason, "tool_use")
        use = next(b for b in first.content if b.type == "tool_use")
        self.assertIn("city", use.input)
        messages += [
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}]},
        ]
        second = self.client.messages.create(model=ANTHROPIC, max_tokens=99, messages=messages, tools=[tool("get_weather")])
        self.assertIn("sunny", second.content[0].text)

    def test_parallel_tools_in_a_stream(self):
        with self.client.messages.stream(
            **base("get_weather and get_time", tools=[tool("get_weather"), tool("get_time")])
        ) as stream:
            message = stream.get_final_message()
        self.assertEqual([b.name for b in message.content], ["get_weather", "get_time"])
        for block in message.content:
            self.assertIn("city", block.input)

    def test_thinking(self):
        message = self.client.messages.create(**base("hm", thinking={"type": "enabled", "budget_tokens": 2048}))
        self.assertEqual([b.type for b in message.content], ["thinking", "text"])
        self.assertTrue(message.content[0].signature)

    def test_vision(self):
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
        message = self.client.messages.create(**base([picture, {"type": "text", "text": "look"}]))
        self.assertIn("saw 1 images", message.content[0].text)

    def test_structured_output(self):
        message = self.client.messages.create(
            **base("who", output_config={"format": {"type": "json_schema", "schema": PERSON}})
        )
        self.assert_person(message.content[0].text)

    def test_count_tokens(self):
        self.assertGreater(self.client.messages.count_tokens(model=ANTHROPIC, messages=user("a b c")).input_tokens, 0)

    def test_models(self):
        models = list(self.client.models.list())
        self.assertTrue(any(m.id.endswith("echo") for m in models), models)
        self.assertEqual(self.client.models.retrieve(ANTHROPIC).type, "model")

    def test_refusals_are_the_sdks_own_errors(self):
        for status, kind in {
            400: anthropic.BadRequestError,
            401: anthropic.AuthenticationError,
            403: anthropic.PermissionDeniedError,
            404: anthropic.NotFoundError,
            429: anthropic.RateLimitError,
            503: anthropic.InternalServerError,
        }.items():
            header = refuse(status)
            for ask in (
                lambda: self.client.messages.create(**base("x"), extra_headers=header),
                lambda: self.client.messages.create(**base("x"), stream=True, extra_headers=header),
                lambda: self.client.messages.count_tokens(model=ANTHROPIC, messages=user("x"), extra_headers=header),
            ):
                with self.subTest(status=status), self.assertRaises(kind) as caught:
                    ask()
                self.assertEqual(caught.exception.status_code, status)
                self.assertEqual(caught.exception.body["type"], "error")
                self.assertTrue(caught.exception.body["error"]["message"])

    def test_an_unknown_model_is_not_found(self):
        with self.assertRaises(anthropic.NotFoundError):
            self.client.messages.create(model=MISSING, max_tokens=9, messages=user("x"))

    def test_a_request_without_messages_is_bad(self):
        with self.assertRaises(anthropic.BadRequestError):
            self.client.messages.create(model=ANTHROPIC, max_tokens=9, messages=[])

    def test_an_error_within_a_stream_is_raised(self):
        stream = self.client.messages.create(**base("a b c d"), stream=True, extra_headers={"x-sim-fault": "error-event-at=2"})
        with self.assertRaises(anthropic.APIError):
            list(stream)
