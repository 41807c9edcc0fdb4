import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic, {
  APIError, AuthenticationError, BadRequestError, InternalServerError, NotFoundError, PermissionDeniedError, RateLimitError,
} from '@anthropic-ai/sdk';
import { apiKey, assertPerson, baseURL, models, person, pixel, refuse, time, weather } from './common.mjs';

const client = new Anthropic({ apiKey, baseURL, maxRetries: 0 });
const model = models.anthropic;
const user = (content) => [{ role: 'user', content }];
const tool = (f) => ({ name: f.name, description: f.description, input_schema: f.parameters });
const base = (content) => ({ model, max_tokens: 1024, messages: user(content) });

test('messages', async () => {
  const m = await client.messages.create({ ...base('hello there'), system: 'be brief' });
  assert.equal(m.type, 'message');
  assert.match(m.content[0].text, /hello there/);
  assert.equal(m.stop_reason, 'end_turn');
  assert.ok(m.usage.input_tokens > 0 && m.usage.output_tokens > 0);
  assert.ok(m._request_id);
});

test('stream', async () => {
  const types = [];
  const stream = client.messages.stream(base('one two three')).on('streamEvent', (e) => types.push(e.type));
  const m = await stream.finalMessage();
  assert.match(m.content[0].text, /one two three/);
  assert.equal(m.stop_reason, 'end_turn');
  assert.ok(m.usage.output_tokens > 1);
  assert.equal(types[0], 'message_start');
  assert.equal(types.at(-1), 'message_stop');
  assert.ok(types.filter((t) => t === 'content_block_delta').length > 2);
});

test('tool and its result', async () => {
  const messages = user('use get_weather');
  const first = await client.messages.create({ ...base('use get_weather'), tools: [tool(weather)] });
  assert.equal(first.stop_reason, 'tool_use');
  const use = first.content.find((b) => b.type === 'tool_use');
  assert.equal(typeof use.input.city, 'string');
  messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: 'sunny' }] });
  const second = await client.messages.create({ model, max_tokens: 1024, messages, tools: [tool(weather)] });
  assert.match(second.content[0].text, /sunny/);
});

test('parallel tools in a stream', async () => {
  const m = await client.messages.stream({ ...base('get_weather and get_time'), tools: [tool(weather), tool(time)] }).finalMessage();
  assert.deepEqual(m.content.map((b) => b.name), ['get_weather', 'get_time']);
  for (const b of m.content) assert.equal(typeof b.input.city, 'string');
});

test('thinking, streamed and whole', async () => {
  const body = { ...base('hm'), max_tokens: 4096, thinking: { type: 'enabled', budget_tokens: 2048 } };
  for (const m of [await client.messages.create(body), await client.messages.stream(body).finalMessage()]) {
    assert.equal(m.content[0].type, 'thinking');
    assert.ok(m.content[0].thinking && m.content[0].signature);
    assert.equal(m.content[1].type, 'text');
  }
});

test('vision', async () => {
  const m = await client.messages.create(base([
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } }, { type: 'text', text: 'look' },
  ]));
  assert.match(m.content[0].text, /saw 1 images/);
});

test('structured output', async () => {
  const m = await client.messages.create({ ...base('who'), output_config: { format: { type: 'json_schema', schema: person } } });
  assertPerson(m.content[0].text);
});

test('count_tokens', async () => {
  const n = await client.messages.countTokens({ model, messages: user('a b c') });
  assert.ok(n.input_tokens > 0);
});

test('models', async () => {
  const ids = [];
  for await (const m of client.models.list()) {
    assert.equal(m.type, 'model');
    ids.push(m.id);
  }
  assert.ok(ids.some((id) => id.endsWith('echo')), `got ${ids}`);
  assert.equal((await client.models.retrieve(model)).type, 'model');
});

for (const [status, type] of [
  [400, BadRequestError], [401, AuthenticationError], [403, PermissionDeniedError], [404, NotFoundError], [429, RateLimitError], [503, InternalServerError],
]) {
  test(`refusal ${status} is the SDK's own ${type.name}`, async () => {
    for (const ask of [
      () => client.messages.create(base('x'), { headers: refuse(status) }),
      () => client.messages.create({ ...base('x'), stream: true }, { headers: refuse(status) }),
      () => client.messages.countTokens({ model, messages: user('x') }, { headers: refuse(status) }),
    ]) {
      await assert.rejects(ask, (err) => {
        assert.ok(err instanceof type, `got ${err?.constructor?.name}: ${err?.message}`);
        assert.equal(err.status, status);
        assert.equal(err.error?.type, 'error');
        assert.ok(err.error?.error?.message, 'no message in the error body');
        return true;
      });
    }
  });
}

test('an unknown model is not found', async () => {
  await assert.rejects(client.messages.create({ ...base('x'), model: models.missing }), NotFoundError);
});

test('a request without messages is bad', async () => {
  await assert.rejects(client.messages.create({ ...base('x'), messages: [] }), BadRequestError);
});

test('an error within a stream is thrown', async () => {
  const stream = await client.messages.create({ ...base('a b c d'), stream: true }, { headers: { 'x-sim-fault': 'error-event-at=2' } });
  await assert.rejects(async () => { for await (const _ of stream); }, APIError);
});
