// Drives OpenAI's Agents SDK for JavaScript (`RealtimeSession`) with its defaults.

import { RealtimeAgent, RealtimeSession, tool as defineTool } from '@openai/agents-realtime';
import { z } from 'zod';
import { Watch, run, speech } from './scenarios.mjs';

const getWeather = defineTool({
  name: 'get_weather',
  description: 'Weather of a city',
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `21C and sunny in ${city}`,
});

class Talk extends Watch {
  constructor(session, say) {
    super();
    this.session = session;
    this.audioBytes = 0;
    this.types = [];
    const count = (kind, report) =>
      session.on(kind, (...values) => {
        report(...values);
        this.changed();
      });
    count('transport_event', (event) => {
      this.types.push(event.type);
      if (event.type === 'response.done') say('response', { status: event.response.status });
      if (event.type === 'conversation.item.truncated') {
        say('truncated', { item_id: event.item_id, audio_end_ms: event.audio_end_ms });
      }
    });
    count('audio', (event) => (this.audioBytes += event.data.byteLength));
    count('audio_interrupted', () => say('audio_interrupted'));
    count('agent_end', (_context, _agent, output) => say('agent_end', { output }));
    count('agent_tool_end', (_context, _agent, _tool, result) => say('tool_end', { result }));
    count('history_updated', () => {});
    count('error', ({ error }) => say('error', { error: error.message ?? error }));
  }

  happened(type, count = 1) {
    return this.until(() => this.types.filter((seen) => seen === type).length >= count);
  }

  spokenBy(role) {
    return this.session.history
      .filter((item) => item.type === 'message' && item.role === role)
      .map((item) => item.content.map((part) => part.transcript ?? part.text ?? '').join(' '));
  }

  conclude(say) {
    say('audio', { bytes: this.audioBytes });
    say('history', { user: this.spokenBy('user'), assistant: this.spokenBy('assistant') });
    this.session.close();
  }
}

async function connect(url, say) {
  const agent = new RealtimeAgent({
    name: 'Assistant',
    instructions: 'Be brief.',
    tools: [getWeather],
  });
  const session = new RealtimeSession(agent, { transport: 'websocket', model: 'gpt-realtime' });
  const talk = new Talk(session, say);
  await session.connect({ apiKey: 'none', url });
  return talk;
}

const sendSpeech = async (talk) => {
  for (const piece of await speech()) {
    const { buffer, byteOffset, byteLength } = piece;
    talk.session.sendAudio(buffer.slice(byteOffset, byteOffset + byteLength));
  }
};

async function text(url, say) {
  const talk = await connect(url, say);
  talk.session.sendMessage('hello');
  await talk.happened('response.done');
  await talk.until(() => talk.spokenBy('assistant').join(''));
  talk.conclude(say);
}

async function audio(url, say) {
  const talk = await connect(url, say);
  await sendSpeech(talk);
  await talk.happened('response.done');
  await talk.until(() => talk.spokenBy('user').join(''));
  talk.conclude(say);
}

async function tool(url, say) {
  const talk = await connect(url, say);
  talk.session.sendMessage('what is the weather in Oslo?');
  await talk.happened('response.done', 2);
  await talk.until(() => talk.spokenBy('assistant').join(''));
  talk.conclude(say);
}

// Speech over an answer that is still being made, and the answer to that speech.
async function bargeIn(url, say) {
  const talk = await connect(url, say);
  talk.session.sendMessage('tell me a long story');
  await talk.until(() => talk.audioBytes > 0);
  await sendSpeech(talk);
  await talk.happened('conversation.item.truncated');
  await talk.happened('response.done', 2);
  await talk.happened('conversation.item.retrieved');
  await talk.until(() => talk.spokenBy('user').filter(Boolean).length === 2);
  talk.conclude(say);
}

run({ text, audio, tool, barge_in: bargeIn });
