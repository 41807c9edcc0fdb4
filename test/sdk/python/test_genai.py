import base64

from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from common import API_KEY, BASE_URL, EMBED, GEMINI, MISSING, PIXEL, Case, city_schema, refuse


class Person(BaseModel):
    name: str
    age: int


def connect(headers=None):
    return genai.Client(
        api_key=API_KEY,
        http_options=types.HttpOptions(
            base_url=BASE_URL, headers=headers, retry_options=types.HttpRetryOptions(attempts=1)
        ),
    )


def declare(*names):
    return [
        types.Tool(
            function_declarations=[
                types.FunctionDeclaration(name=n, description=n, parameters_json_schema=city_schema()) for n in names
            ]
        )
    ]


class GenAI(Case):
    def setUp(self):
        self.client = connect()
        self.addCleanup(self.client.close)

    def generate(self, contents, **config):
        return self.client.models.generate_content(
            model=GEMINI, contents=contents, config=types.GenerateContentConfig(**config)
        )

    def test_generate(self):
        answer = self.generate("hello there", system_instruction="be brief")
        self.assertIn("hello there", answer.text)
        self.assertEqual(answer.candidates[0].finish_reason, types.FinishReason.STOP)
        self.assertGreater(answer.usage_metadata.total_token_count, 0)

    def test_stream(self):
        chunks = list(self.client.models.generate_content_stream(model=GEMINI, contents="one two three"))
        self.assertIn("one two three", "".join(c.text or "" for c in chunks))
        self.assertGreater(len(chunks), 2)
        self.assertEqual(chunks[-1].candidates[0].finish_reason, types.FinishReason.STOP)

    def test_tool_and_its_result(self):
        first = self.generate("use get_weather", tools=declare("get_weather"))
        call = first.function_calls[0]
        self.assertEqual(call.name, "get_weather")
        self.assertIn("city", call.args)
        result = types.Part.from_function_response(name=call.name, response={"output": "sunny"})
        second = self.generate(
            [
                types.Content(role="user", parts=[types.Part(text="use get_weather")]),
                first.candidates[0].content,
                types.Content(role="user", parts=[result]),
            ],
            tools=declare("get_weather"),
        )
        self.assertIn("sunny", second.text)

    def test_parallel_tools_in_a_stream(self):
        names = []
        for chunk in self.client.models.generate_content_stream(
            model=GEMINI,
            contents="get_weather and get_time",
            config=types.GenerateContentConfig(tools=declare("get_weather", "get_time")),
        ):
            names += [c.name for c in chunk.function_calls or []]
        self.assertEqual(names, ["get_weather", "get_time"])

    def test_vision(self):
        picture = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
        self.assertIn("saw 1 images", self.generate(["look", picture]).text)

    def test_structured_output(self):
        answer = self.generate("who", response_mime_type="application/json", response_schema=Person)
        self.assertIsInstance(answer.parsed, Person)

    def test_thoughts(self):
        answer = self.generate("hm", thinking_config=types.ThinkingConfig(include_thoughts=True))
        self.assertTrue(answer.candidates[0].content.parts[0].thought)

    def test_embed(self):
        answer = self.client.models.embed_content(model=EMBED, contents=["a", "b"])
        self.assertEqual(len(answer.embeddings), 2)
        self.assertTrue(answer.embeddings[0].values)

    def test_count_tokens(self):
        self.assertGreater(self.client.models.count_tokens(model=GEMINI, contents="a b c").total_tokens, 0)

    def test_models(self):
        names = [m.name for m in self.client.models.list()]
        self.assertTrue(any(n.startswith("models/") and n.endswith("echo") for n in names), names)
        self.assertTrue(self.client.models.get(model=GEMINI).name.startswith("models/"))

    def test_refusals_are_the_sdks_own_errors(self):
        for status, kind, word in (
            (400, errors.ClientError, "INVALID_ARGUMENT"),
            (401, errors.ClientError, "UNAUTHENTICATED"),
            (403, errors.ClientError, "PERMISSION_DENIED"),
            (404, errors.ClientError, "NOT_FOUND"),
            (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
            (503, errors.ServerError, "UNAVAILABLE"),
        ):
            client = connect(refuse(status))
            self.addCleanup(client.close)
            for ask in (
                lambda: client.models.generate_content(model=GEMINI, contents="x"),
                lambda: list(client.models.generate_content_stream(model=GEMINI, contents="x")),
                lambda: client.models.count_tokens(model=GEMINI, contents="x"),
            ):
                with self.subTest(status=status), self.assertRaises(kind) as caught:
                    ask()
                self.assertEqual(caught.exception.code, status)
                self.assertEqual(caught.exception.status, word)
                self.assertTrue(caught.exception.message)

    def test_an_unknown_model_is_not_found(self):
        with self.assertRaises(errors.ClientError) as caught:
            self.client.models.generate_content(model=MISSING, contents="x")
        self.assertEqual(caught.exception.code, 404)
