import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, {
  APIError, AuthenticationError, BadRequestError, InternalServerError, NotFoundError, PermissionDeniedError, RateLimitError,
} from 'openai';
import { apiKey, assertPerson, baseURL, direct, models, person, pixel, refuse, time, weather } from './common.mjs';

const client = new OpenAI({ apiKey, baseURL: `${baseURL}/v1`, maxRetries: 0 });
const user = (content) => [{ role: 'user', content }];
const fn = (f) => ({ type: 'function', function: f });

test('chat', async () => {
  const { data, response } = await client.chat.completions.create({ model: models.chat, messages: user('hello there') }).withResponse();
  assert.equal(data.object, 'chat.completion');
  assert.match(data.choices[0].message.content, /hello there/);
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.ok(data.usage.total_tokens > 0);
  assert.ok(response.headers.get('x-request-id'));
  if (!direct) assert.equal(response.headers.get('x-weir-provider'), 'sim', 'this did not come through the gateway');
});

test('chat stream', async () => {
  const stream = await client.chat.completions.create({
    model: models.chat, messages: user('one two three'), stream: true, stream_options: { include_usage: true },
  });
  let text = '', usage, finish, chunks = 0;
  for await (const chunk of stream) {
    chunks++;
    text += chunk.choices[0]?.delta?.content ?? '';
    finish = chunk.choices[0]?.finish_reason ?? finish;
    if (chunk.usage) usage = chunk.usage;
  }
  assert.match(text, /one two three/);
  assert.equal(finish, 'stop');
  assert.ok(usage.total_tokens > 0);
  assert.ok(chunks > 3, `got ${chunks} chunks, want the answer in pieces`);
});

test('chat stream without usage shows none', async () => {
  const stream = await client.chat.completions.create({ model: models.chat, messages: user('hi'), stream: true });
  for await (const chunk of stream) {
    assert.ok(!chunk.usage);
    assert.ok(chunk.choices.length > 0);
  }
});

test('chat stream that the client leaves', async () => {
  const stream = await client.chat.completions.create({ model: models.chat, messages: user('a b c d e f g h'), stream: true });
  for await (const _ of stream) break;
  assert.ok(stream.controller.signal.aborted);
});

test('tool and its result', async () => {
  const messages = user('use get_weather');
  const first = await client.chat.completions.create({ model: models.chat, messages, tools: [fn(weather)] });
  assert.equal(first.choices[0].finish_reason, 'tool_calls');
  const [call] = first.choices[0].message.tool_calls;
  assert.equal(call.function.name, 'get_weather');
  assert.equal(typeof JSON.parse(call.function.arguments).city, 'string');
  messages.push(first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'sunny' });
  const second = await client.chat.completions.create({ model: models.chat, messages, tools: [fn(weather)] });
  assert.match(second.choices[0].message.content, /sunny/);
});

test('parallel tools in a stream', async () => {
  const stream = client.chat.completions.stream({ model: models.chat, messages: user('get_weather and get_time'), tools: [fn(weather), fn(time)] });
  const message = await stream.finalMessage();
  assert.deepEqual(message.tool_calls.map((c) => c.function.name), ['get_weather', 'get_time']);
  for (const call of message.tool_calls) JSON.parse(call.function.arguments);
  assert.equal(new Set(message.tool_calls.map((c) => c.id)).size, 2);
});

test('vision', async () => {
  const answer = await client.chat.completions.create({
    model: models.chat,
    messages: user([{ type: 'text', text: 'look' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}` } }]),
  });
  assert.match(answer.choices[0].message.content, /saw 1 images/);
});

test('structured output', async () => {
  const answer = await client.chat.completions.parse({
    model: models.chat, messages: user('who'),
    response_format: { type: 'json_schema', json_schema: { name: 'person', schema: person, strict: true } },
  });
  assertPerson(answer.choices[0].message.content);
});

test('completions', async () => {
  const answer = await client.completions.create({ model: models.chat, prompt: 'once upon' });
  assert.match(answer.choices[0].text, /once upon/);
});

test('responses: create, go on, retrieve, delete', async () => {
  const first = await client.responses.create({ model: models.chat, input: 'hello there' });
  assert.equal(first.status, 'completed');
  assert.match(first.output_text, /hello there/);
  assert.ok(first.usage.total_tokens > 0);
  const second = await client.responses.create({ model: models.chat, previous_response_id: first.id, input: 'and more' });
  assert.match(second.output_text, /and more/);
  const same = await client.responses.retrieve(first.id);
  assert.equal(same.id, first.id);
  await client.responses.delete(first.id);
  await assert.rejects(client.responses.retrieve(first.id), NotFoundError);
});

test('responses: cancel', async () => {
  const started = await client.responses.create({ model: models.chat, input: 'later', background: true });
  assert.equal(started.status, 'queued');
  const ended = await client.responses.cancel(started.id);
  assert.equal(ended.status, 'cancelled');
});

test('responses: stream', async () => {
  const stream = await client.responses.create({ model: models.chat, input: 'one two', stream: true });
  const types = [];
  let text = '', sequence = -1, last;
  for await (const event of stream) {
    types.push(event.type);
    assert.ok(event.sequence_number > sequence, 'sequence numbers must grow');
    sequence = event.sequence_number;
    if (event.type === 'response.output_text.delta') text += event.delta;
    last = event;
  }
  assert.equal(types[0], 'response.created');
  assert.match(text, /one two/);
  assert.equal(last.type, 'response.completed');
  assert.ok(last.response.usage.total_tokens > 0);
});

test('responses: tool, vision, structured output', async () => {
  const tool = await client.responses.create({
    model: models.chat, input: 'use get_weather', tools: [{ type: 'function', strict: true, ...weather }],
  });
  assert.equal(tool.output[0].type, 'function_call');
  JSON.parse(tool.output[0].arguments);
  const picture = await client.responses.create({
    model: models.chat,
    input: user([{ type: 'input_text', text: 'look' }, { type: 'input_image', detail: 'auto', image_url: `data:image/png;base64,${pixel}` }]),
  });
  assert.match(picture.output_text, /saw 1 images/);
  const structured = await client.responses.parse({
    model: models.chat, input: 'who', text: { format: { type: 'json_schema', name: 'person', schema: person, strict: true } },
  });
  assertPerson(structured.output_text);
});

test('embeddings', async () => {
  const answer = await client.embeddings.create({ model: models.embed, input: ['a', 'b'] });
  assert.equal(answer.data.length, 2);
  assert.ok(answer.data[0].embedding.length > 0);
  const plain = await client.embeddings.create({ model: models.embed, input: ['a', 'b'], encoding_format: 'float' });
  // The SDK asks for base64 by itself and decodes it: both ways must give the same numbers.
  assert.ok(Math.abs(plain.data[0].embedding[0] - answer.data[0].embedding[0]) < 1e-6);
});

test('models', async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.some((id) => id.endsWith('echo')), `got ${ids}`);
  const model = await client.models.retrieve(models.chat);
  assert.equal(model.object, 'model');
});

test('moderations, images, speech, transcription', async () => {
  const verdict = await client.moderations.create({ model: models.chat, input: 'pure violence' });
  assert.equal(verdict.results[0].flagged, true);
  const image = await client.images.generate({ model: models.chat, prompt: 'a fox' });
  assert.equal(Buffer.from(image.data[0].b64_json, 'base64').subarray(1, 4).toString(), 'PNG');
  const speech = await client.audio.speech.create({ model: models.chat, voice: 'alloy', input: 'hi' });
  const wav = Buffer.from(await speech.arrayBuffer());
  assert.equal(wav.subarray(0, 4).toString(), 'RIFF');
  const heard = await client.audio.transcriptions.create({ model: models.chat, file: await OpenAI.toFile(wav, 'a.wav') });
  assert.match(heard.text, /a\.wav/);
});

for (const [status, type] of [
  [400, BadRequestError], [401, AuthenticationError], [403, PermissionDeniedError], [404, NotFoundError], [429, RateLimitError], [503, InternalServerError],
]) {
  test(`refusal ${status} is the SDK's own ${type.name}`, async () => {
    for (const ask of [
      () => client.chat.completions.create({ model: models.chat, messages: user('x') }, { headers: refuse(status) }),
      () => client.chat.completions.create({ model: models.chat, messages: user('x'), stream: true }, { headers: refuse(status) }),
      () => client.responses.create({ model: models.chat, input: 'x' }, { headers: refuse(status) }),
      () => client.embeddings.create({ model: models.embed, input: 'x' }, { headers: refuse(status) }),
    ]) {
      await assert.rejects(ask, (err) => {
        assert.ok(err instanceof type, `got ${err?.constructor?.name}: ${err?.message}`);
        assert.equal(err.status, status);
        assert.ok(err.requestID, 'no request id');
        assert.ok(err.error?.message, 'no message in the error body');
        return true;
      });
    }
  });
}

test('an unknown model is not found', async () => {
  await assert.rejects(client.chat.completions.create({ model: models.missing, messages: user('x') }), NotFoundError);
});

test('a request without messages is bad', async () => {
  await assert.rejects(client.chat.completions.create({ model: models.chat, messages: [] }), BadRequestError);
});

test('an error within a stream is thrown', async () => {
  const stream = await client.chat.completions.create(
    { model: models.chat, messages: user('a b c d'), stream: true }, { headers: { 'x-sim-fault': 'error-event-at=2' } },
  );
  await assert.rejects(async () => { for await (const _ of stream); }, APIError);
});
