// What every suite knows about the gateway it talks to.
import assert from 'node:assert/strict';

function need(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: run these tests through 'go test ./test/sdk'`);
  return value;
}

export const baseURL = need('WEIR_BASE_URL');
export const apiKey = need('WEIR_API_KEY');
export const models = {
  chat: process.env.WEIR_MODEL_CHAT ?? 'sim:echo',
  anthropic: process.env.WEIR_MODEL_ANTHROPIC ?? 'sim:echo',
  gemini: process.env.WEIR_MODEL_GEMINI ?? 'sim:echo',
  embed: process.env.WEIR_MODEL_EMBED ?? 'sim:embed',
  missing: process.env.WEIR_MODEL_MISSING ?? 'sim:no-such-model',
};

// Whether the simulator is asked without a gateway before it.
export const direct = process.env.WEIR_SDK_TARGET === 'sim';

// A refusal that the simulator, or the policy of the gateway under test, gives on order.
export const refuse = (status) => ({ 'x-sim-fault': `status=${status}` });

// A picture of one pixel.
export const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export const weather = {
  name: 'get_weather',
  description: 'The weather of a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
};

export const time = {
  name: 'get_time',
  description: 'The time in a city.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
};

export const person = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
};

// A structured answer must be a person.
export function assertPerson(text) {
  const value = JSON.parse(text);
  assert.equal(typeof value.name, 'string');
  assert.ok(Number.isInteger(value.age));
}
