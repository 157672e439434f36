// Drives the realtime clients of the official SDK: over `ws`, or over Node's own WebSocket.

import OpenAI from 'openai';
import { Watch, run, speech } from './scenarios.mjs';

const native = process.argv[3] === 'native';

class Talk extends Watch {
  constructor(realtime, say) {
    super();
    this.realtime = realtime;
    this.events = [];
    realtime.on('event', (event) => {
      this.events.push(event);
      if (event.type === 'response.done') say('response', { response: event.response });
      if (event.type === 'conversation.item.input_audio_transcription.completed') {
        say('heard', { transcript: event.transcript });
      }
      this.changed();
    });
    realtime.on('error', (error) => say('error', { error: String(error), detail: error.error }));
  }

  count(type) {
    return this.events.filter((event) => event.type === type).length;
  }

  async seen(type, count = 1) {
    await this.until(() => this.count(type) >= count);
    return this.events.filter((event) => event.type === type)[count - 1];
  }

  ask(text) {
    const content = [{ type: 'input_text', text }];
    this.realtime.send({
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content },
    });
    this.realtime.send({ type: 'response.create' });
  }

  conclude(say) {
    const deltas = this.events.filter((event) => event.type === 'response.output_audio.delta');
    const bytes = deltas.reduce((sum, event) => sum + Buffer.from(event.delta, 'base64').length, 0);
    say('audio', { bytes });
    say('types', { types: this.events.map((event) => event.type) });
    this.realtime.close();
  }
}

async function connect(baseURL, say) {
  const client = new OpenAI({ apiKey: 'none', baseURL });
  const realtime = native
    ? new (await import('openai/realtime/websocket')).OpenAIRealtimeWebSocket(
        { model: 'gpt-realtime' },
        client,
      )
    : new (await import('openai/realtime/ws')).OpenAIRealtimeWS({ model: 'gpt-realtime' }, client);
  const talk = new Talk(realtime, say);
  await talk.seen('session.created');
  return talk;
}

async function text(url, say) {
  const talk = await connect(url, say);
  talk.ask('hello');
  await talk.seen('response.done');
  talk.conclude(say);
}

async function audio(url, say) {
  const talk = await connect(url, say);
  const input = { turn_detection: { type: 'server_vad' }, transcription: { model: 'whisper-1' } };
  talk.realtime.send({ type: 'session.update', session: { type: 'realtime', audio: { input } } });
  await talk.seen('session.updated');
  for (const piece of await speech()) {
    talk.realtime.send({ type: 'input_audio_buffer.append', audio: piece.toString('base64') });
  }
  await talk.seen('conversation.item.input_audio_transcription.completed');
  await talk.seen('response.done');
  talk.conclude(say);
}

async function tool(url, say) {
  const talk = await connect(url, say);
  const parameters = {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  };
  const tools = [{ type: 'function', name: 'get_weather', description: 'Weather', parameters }];
  talk.realtime.send({ type: 'session.update', session: { type: 'realtime', tools } });
  await talk.seen('session.updated');
  talk.ask('what is the weather in Oslo?');
  const call = await talk.seen('response.function_call_arguments.done');
  say('call', { name: call.name, arguments: call.arguments });
  await talk.seen('response.done');
  talk.realtime.send({
    type: 'conversation.item.create',
    item: { type: 'function_call_output', call_id: call.call_id, output: '21C, sunny' },
  });
  talk.realtime.send({ type: 'response.create' });
  await talk.seen('response.done', 2);
  talk.conclude(say);
}

run({ text, audio, tool });
