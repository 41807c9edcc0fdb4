// What the policy takes out of requests and answers: the SDKs must read streams in which texts were changed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { apiKey, baseURL, direct, models, time, weather } from './common.mjs';

const openai = new OpenAI({ apiKey, baseURL: `${baseURL}/v1`, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey, baseURL, maxRetries: 0 });
const gemini = (headers) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: baseURL, headers, retryOptions: { attempts: 1 } } });

// The simulator says what it was asked to say, in texts and arguments, and in ids, where nothing is changed: "id" is what
// it got.
const customer = 'C-"Zoë\\😀"';
const said = (last) => [{ role: 'user', content: customer }, { role: 'user', content: last }];
const both = 'get_weather and get_time';
const ways = [
  { name: 'restored', headers: { 'x-test-redact': 'restore' }, want: customer, id: /\[CUSTOMER_1_[a-z2-7]{8}\]$/ },
  { name: 'redacted', headers: { 'x-test-redact': 'answer', 'x-sim-fault': 'canary=joe@example.com' }, want: '[EMAIL]', id: /joe@example\.com$/ },
];

// In direct runs there is no gateway, and so no policy.
const check = (name, f) => test(name, { skip: direct }, f);

function assertArguments(list, want) {
  assert.equal(list.length, 2);
  for (const a of list) assert.equal(a.canary, want);
}

for (const { name, headers, want, id } of ways) {
  check(`chat: ${name} text`, async () => {
    for (const stream of [false, true]) {
      const answer = stream
        ? await openai.chat.completions.stream({ model: models.chat, messages: said('hi') }, { headers }).finalChatCompletion()
        : await openai.chat.completions.create({ model: models.chat, messages: said('hi') }, { headers });
      assert.equal(answer.choices[0].message.content, `sim: hi ${want}`);
      assert.match(answer.id, id);
    }
  });

  check(`chat: ${name} tool calls`, async () => {
    const tools = [weather, time].map((f) => ({ type: 'function', function: f }));
    const stream = openai.chat.completions.stream({ model: models.chat, messages: said(both), tools }, { headers });
    const message = await stream.finalMessage();
    assertArguments(message.tool_calls.map((c) => JSON.parse(c.function.arguments)), want);
  });

  check(`responses: ${name} text and tool calls`, async () => {
    const tools = [weather, time].map((f) => ({ type: 'function', strict: true, ...f }));
    let sequence = -1;
    const calls = {}, done = [];
    let last;
    for await (const event of await openai.responses.create({ model: models.chat, input: said(both), tools, stream: true }, { headers })) {
      assert.ok(event.sequence_number > sequence, 'sequence numbers must grow');
      sequence = event.sequence_number;
      if (event.type === 'response.function_call_arguments.delta') calls[event.output_index] = (calls[event.output_index] ?? '') + event.delta;
      if (event.type === 'response.function_call_arguments.done') done.push(event.arguments);
      last = event;
    }
    assert.equal(last.type, 'response.completed');
    assert.deepEqual(Object.values(calls), done);
    assertArguments(done.map((text) => JSON.parse(text)), want);
    assertArguments(last.response.output.map((item) => JSON.parse(item.arguments)), want);

    let text = '';
    for await (const event of await openai.responses.create({ model: models.chat, input: said('hi'), stream: true }, { headers })) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      last = event;
    }
    assert.equal(text, `sim: hi ${want}`);
    assert.equal(last.response.output[0].content[0].text, text);
    assert.match(last.response.id, id);
  });

  check(`messages: ${name} text and tool calls`, async () => {
    const tools = [weather, time].map((f) => ({ name: f.name, description: f.description, input_schema: f.parameters }));
    const body = (last) => ({ model: models.anthropic, max_tokens: 1024, messages: said(last) });
    const m = await anthropic.messages.stream({ ...body(both), tools }, { headers }).finalMessage();
    assert.equal(m.stop_reason, 'tool_use');
    assert.match(m.id, id);
    assertArguments(m.content.filter((b) => b.type === 'tool_use').map((b) => b.input), want);
    for (const answer of [await anthropic.messages.create(body('hi'), { headers }), await anthropic.messages.stream(body('hi'), { headers }).finalMessage()]) {
      assert.equal(answer.content[0].text, `sim: hi ${want}`);
    }
  });

  check(`gemini: ${name} text and tool calls`, async () => {
    const client = gemini(headers);
    const ask = (last) => ({ model: models.gemini, contents: [customer, last].map((text) => ({ role: 'user', parts: [{ text }] })) });
    const tools = [{ functionDeclarations: [weather, time].map((f) => ({ name: f.name, description: f.description, parametersJsonSchema: f.parameters })) }];
    const calls = [];
    for await (const chunk of await client.models.generateContentStream({ ...ask(both), config: { tools } })) {
      assert.match(chunk.responseId, id);
      for (const call of chunk.functionCalls ?? []) calls.push(call.args);
    }
    assertArguments(calls, want);
    let text = '';
    for await (const chunk of await client.models.generateContentStream(ask('hi'))) text += chunk.text ?? '';
    assert.equal(text, `sim: hi ${want}`);
  });
}
