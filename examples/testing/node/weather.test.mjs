// Tests of weather.mjs against a server that does what each of them says: `npx vitest run`.

import OpenAI from 'openai';
import { afterEach, expect, test } from 'vitest';
import { RealtimeServer } from './realtime-server.mjs';
import { ask } from './weather.mjs';

const server = new RealtimeServer();
const client = new OpenAI({ apiKey: server.apiKey, baseURL: server.baseURL });
const asked = (question) => ask(client, question, (city) => `21 °C in ${city}`, server.plain);

afterEach(() => server.reset());

test('the weather is looked up', async () => {
  await server.script(
    { calls: [{ name: 'get_weather', arguments: { city: 'Oslo' } }], when: 'Oslo' },
    { answers: 'It is 21 degrees.' },
  );
  expect(await asked('How warm is it in Oslo?')).toBe('It is 21 degrees.');
  const [session] = await server.sessions();
  expect(session.conversation.split('\n')).toEqual([
    'user: How warm is it in Oslo?',
    'call: get_weather({"city": "Oslo"})',
    'result: 21 °C in Oslo',
    'assistant: It is 21 degrees.',
  ]);
  expect(await server.events({ from: 'client', type: 'response.create' })).toHaveLength(2);
});

test('a rate limit is told', async () => {
  await server.script({ fails: 'rate_limit_exceeded' });
  await expect(asked('And today?')).rejects.toThrow('rate_limit_exceeded');
});

test('a lost connection is told', async () => {
  await server.script({ answers: 'A long answer.' }, { drops: 'response.output_text.delta' });
  await expect(asked('And tomorrow?')).rejects.toThrow('lost');
});

test('a rule that cannot be used is named', async () => {
  await expect(server.script({ answer: 'Fine.' })).rejects.toThrow(
    'script[0]: says nothing to do',
  );
});
