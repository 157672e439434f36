// Drives the realtime clients of the official SDK, at OpenAI or at Azure: over `ws`, or over
// Node's own WebSocket.

import OpenAI, { AzureOpenAI } from 'openai';
import { Watch, run, speech } from './scenarios.mjs';

const [service, transport] = process.argv.slice(3);

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

async function realtimeClass() {
  return transport === 'native'
    ? (await import('openai/realtime/websocket')).OpenAIRealtimeWebSocket
    : (await import('openai/realtime/ws')).OpenAIRealtimeWS;
}

async function open(url) {
  const Realtime = await realtimeClass();
  if (service === 'azure') {
    const options = { apiKey: 'none', endpoint: url, apiVersion: '2025-08-28' };
    return Realtime.azure(new AzureOpenAI(options), { deploymentName: 'my-deployment' });
  }
  const client = new OpenAI({ apiKey: 'none', baseURL: `${url}/v1` });
  return new Realtime({ model: 'gpt-realtime' }, client);
}

async function connect(url, say) {
  const talk = new Talk(await open(url), say);
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
