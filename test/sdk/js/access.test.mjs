// A gateway that asks for access keys: each SDK has one where it has its API key, and every refusal is an error of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic, { APIError as AnthropicError, AuthenticationError as AnthropicUnauthorized, RateLimitError as AnthropicRateLimited } from '@anthropic-ai/sdk';
import { ApiError, GoogleGenAI } from '@google/genai';
import OpenAI, { APIError, AuthenticationError, PermissionDeniedError, RateLimitError } from 'openai';

const url = process.env.WEIR_KEYED_URL;
const model = process.env.WEIR_KEYED_MODEL;
const key = process.env.WEIR_KEY;
const wrong = `${key}x`;
const poor = { 402: process.env.WEIR_KEY_402, 429: process.env.WEIR_KEY_429 };

// In direct runs there is no gateway, and so no key.
const check = (name, f) => test(name, { skip: !url }, f);

const messages = [{ role: 'user', content: 'hello there' }];
// Clients as they are by default, retries too, whose calls are counted.
function counted(make) {
  const count = { calls: 0 };
  const client = make((...args) => { count.calls++; return fetch(...args); });
  return { client, count };
}
const openai = (apiKey) => counted((fetch) => new OpenAI({ apiKey, baseURL: `${url}/v1`, fetch }));
const anthropic = (options) => counted((fetch) => new Anthropic({ baseURL: url, fetch, ...options }));
const gemini = (apiKey) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url, retryOptions: { attempts: 1 } } });

check('openai: a key, and what is left of its limit', async () => {
  const { data, response } = await openai(key).client.chat.completions.create({ model, messages }).withResponse();
  assert.match(data.choices[0].message.content, /hello there/);
  assert.equal(response.headers.get('x-ratelimit-limit-requests'), '100000');
  const left = Number(response.headers.get('x-ratelimit-remaining-requests'));
  assert.ok(left > 0 && left < 100000, `got ${left}`);
  assert.match(response.headers.get('ratelimit'), /"calls";r=\d+;t=\d+/);
  assert.match(response.headers.get('x-weir-cost-usd'), /^0\.0\d+$/);
  const ids = [];
  for await (const m of openai(key).client.models.list()) ids.push(m.id);
  assert.ok(ids.includes(model) && !ids.some((id) => id.includes('hidden')), `got ${ids}`);
});

check('openai: refusals', async () => {
  await assert.rejects(openai(wrong).client.chat.completions.create({ model, messages }), (err) => err instanceof AuthenticationError && err.status === 401);
  await assert.rejects(openai(wrong).client.responses.create({ model, input: 'x', stream: true }), AuthenticationError);
  await assert.rejects(openai(key).client.chat.completions.create({ model: 'hidden', messages }), (err) => err instanceof PermissionDeniedError && err.code === 'model_not_allowed');
  for (const stream of [false, true]) {
    for (const [status, type] of [[402, APIError], [429, RateLimitError]]) {
      const { client, count } = openai(poor[status]);
      await assert.rejects(client.chat.completions.create({ model, messages, stream }), (err) => {
        assert.ok(err instanceof type, `got ${err?.constructor?.name}: ${err?.message}`);
        assert.equal(err.status, status);
        assert.equal(err.code, 'budget_exceeded');
        assert.match(err.message, /spent.*\$0\.01/);
        return true;
      });
      assert.equal(count.calls, 1, 'the SDK tried again, which cannot help');
    }
  }
});

check('anthropic: a key in either place', async () => {
  for (const options of [{ apiKey: key }, { apiKey: null, authToken: key }]) {
    const { data, response } = await anthropic(options).client.messages.create({ model, max_tokens: 100, messages }).withResponse();
    assert.match(data.content[0].text, /hello there/);
    assert.equal(response.headers.get('x-ratelimit-limit-requests'), '100000');
  }
  const ids = [];
  for await (const m of anthropic({ apiKey: key }).client.models.list()) ids.push(m.id);
  assert.ok(ids.includes(model) && !ids.some((id) => id.includes('hidden')), `got ${ids}`);
});

check('anthropic: refusals', async () => {
  const ask = { model, max_tokens: 100, messages };
  await assert.rejects(anthropic({ apiKey: wrong }).client.messages.create(ask), (err) => err instanceof AnthropicUnauthorized && err.status === 401);
  for (const [status, type] of [[402, AnthropicError], [429, AnthropicRateLimited]]) {
    for (const stream of [false, true]) {
      const { client, count } = anthropic({ apiKey: poor[status] });
      await assert.rejects(client.messages.create({ ...ask, stream }), (err) => {
        assert.ok(err instanceof type, `got ${err?.constructor?.name}: ${err?.message}`);
        assert.equal(err.status, status);
        assert.match(err.message, /spent.*\$0\.01/);
        return true;
      });
      assert.equal(count.calls, 1, 'the SDK tried again, which cannot help');
    }
  }
});

check('gemini: a key', async () => {
  const r = await gemini(key).models.generateContent({ model, contents: 'hello there' });
  assert.match(r.text, /hello there/);
  assert.equal(r.sdkHttpResponse.headers['x-ratelimit-limit-requests'], '100000');
  const names = [];
  for await (const m of await gemini(key).models.list()) names.push(m.name);
  assert.ok(names.includes(`models/${model}`) && !names.some((name) => name.includes('hidden')), `got ${names}`);
});

check('gemini: refusals', async () => {
  for (const [apiKey, status, word] of [[wrong, 401, 'UNAUTHENTICATED'], [poor[402], 402, ''], [poor[429], 429, 'RESOURCE_EXHAUSTED']]) {
    for (const ask of ['generateContent', 'generateContentStream']) {
      await assert.rejects(gemini(apiKey).models[ask]({ model, contents: 'x' }), (err) => {
        assert.ok(err instanceof ApiError, `got ${err?.constructor?.name}: ${err?.message}`);
        assert.equal(err.status, status);
        assert.match(err.message, new RegExp(word));
        return true;
      });
    }
  }
});
