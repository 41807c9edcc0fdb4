import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, FunctionCallingConfigMode, GoogleGenAI } from '@google/genai';
import { apiKey, assertPerson, baseURL, models, pixel, refuse, time, weather } from './common.mjs';

const connect = (headers = {}) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: baseURL, headers, retryOptions: { attempts: 1 } } });
const client = connect();
const model = models.gemini;
const declare = (...fs) => [{ functionDeclarations: fs.map((f) => ({ name: f.name, description: f.description, parametersJsonSchema: f.parameters })) }];

test('generateContent', async () => {
  const r = await client.models.generateContent({ model, contents: 'hello there', config: { systemInstruction: 'be brief' } });
  assert.match(r.text, /hello there/);
  assert.equal(r.candidates[0].finishReason, 'STOP');
  assert.ok(r.usageMetadata.totalTokenCount > 0);
});

test('stream', async () => {
  let text = '', chunks = 0, last;
  for await (const chunk of await client.models.generateContentStream({ model, contents: 'one two three' })) {
    chunks++;
    text += chunk.text ?? '';
    last = chunk;
  }
  assert.match(text, /one two three/);
  assert.ok(chunks > 2, `got ${chunks} chunks`);
  assert.equal(last.candidates[0].finishReason, 'STOP');
  assert.ok(last.usageMetadata.totalTokenCount > 0);
});

test('tool and its result', async () => {
  const contents = [{ role: 'user', parts: [{ text: 'use get_weather' }] }];
  const first = await client.models.generateContent({ model, contents, config: { tools: declare(weather) } });
  const [call] = first.functionCalls;
  assert.equal(call.name, 'get_weather');
  assert.equal(typeof call.args.city, 'string');
  contents.push(first.candidates[0].content, { role: 'user', parts: [{ functionResponse: { name: call.name, response: { output: 'sunny' } } }] });
  const second = await client.models.generateContent({ model, contents, config: { tools: declare(weather) } });
  assert.match(second.text, /sunny/);
});

test('parallel tools in a stream', async () => {
  const names = [];
  const stream = await client.models.generateContentStream({
    model, contents: 'get_weather and get_time',
    config: { tools: declare(weather, time), toolConfig: { functionCallingConfig: { mode: FunctionCallingConfigMode.AUTO } } },
  });
  for await (const chunk of stream) for (const call of chunk.functionCalls ?? []) names.push(call.name);
  assert.deepEqual(names, ['get_weather', 'get_time']);
});

test('vision', async () => {
  const r = await client.models.generateContent({
    model, contents: [{ role: 'user', parts: [{ text: 'look' }, { inlineData: { mimeType: 'image/png', data: pixel } }] }],
  });
  assert.match(r.text, /saw 1 images/);
});

test('structured output', async () => {
  const r = await client.models.generateContent({
    model, contents: 'who',
    config: {
      responseMimeType: 'application/json',
      responseSchema: { type: 'OBJECT', properties: { name: { type: 'STRING' }, age: { type: 'INTEGER' } }, required: ['name', 'age'] },
    },
  });
  assertPerson(r.text);
});

test('thoughts', async () => {
  const r = await client.models.generateContent({ model, contents: 'hm', config: { thinkingConfig: { includeThoughts: true } } });
  assert.equal(r.candidates[0].content.parts[0].thought, true);
});

test('embedContent', async () => {
  const r = await client.models.embedContent({ model: models.embed, contents: ['a', 'b'] });
  assert.equal(r.embeddings.length, 2);
  assert.ok(r.embeddings[0].values.length > 0);
});

test('countTokens', async () => {
  const r = await client.models.countTokens({ model, contents: 'a b c' });
  assert.ok(r.totalTokens > 0);
});

test('models', async () => {
  const names = [];
  for await (const m of await client.models.list()) names.push(m.name);
  assert.ok(names.some((n) => n.startsWith('models/') && n.endsWith('echo')), `got ${names}`);
  assert.ok((await client.models.get({ model })).name.startsWith('models/'));
});

for (const [status, word] of [
  [400, 'INVALID_ARGUMENT'], [401, 'UNAUTHENTICATED'], [403, 'PERMISSION_DENIED'], [404, 'NOT_FOUND'], [429, 'RESOURCE_EXHAUSTED'], [503, 'UNAVAILABLE'],
]) {
  test(`refusal ${status} is the SDK's own ApiError`, async () => {
    const c = connect(refuse(status));
    for (const ask of [
      () => c.models.generateContent({ model, contents: 'x' }),
      () => c.models.generateContentStream({ model, contents: 'x' }),
      () => c.models.countTokens({ model, contents: 'x' }),
    ]) {
      await assert.rejects(ask, (err) => {
        assert.ok(err instanceof ApiError, `got ${err?.constructor?.name}: ${err?.message}`);
        assert.equal(err.status, status);
        assert.match(err.message, new RegExp(word));
        return true;
      });
    }
  });
}

test('an unknown model is not found', async () => {
  await assert.rejects(client.models.generateContent({ model: models.missing, contents: 'x' }), (err) => err instanceof ApiError && err.status === 404);
});
