// Drives Azure's `rt-client`: at an endpoint like Azure's, or as it would reach OpenAI.

import tls from 'node:tls';
import { LowLevelRTClient, RTClient, isFunctionCallItem } from 'rt-client';
import { run, speech } from './scenarios.mjs';

const azure = process.argv[3] === 'azure';

// What a line in the hosts file would do: the client has OpenAI's address built in.
if (!azure) {
  const { hostname: host, port } = new URL(process.argv[2]);
  const connect = tls.connect;
  tls.connect = (options) => connect({ ...options, host, port, servername: '' });
}

function open(url, Client = RTClient) {
  if (azure) return new Client(new URL(url), { key: 'none' }, { deployment: 'my-deployment' });
  return new Client({ key: 'none' }, { model: 'gpt-realtime' });
}

async function collect(chunks) {
  const all = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

async function takeMessage(message, say) {
  for await (const content of message) {
    if (content.type === 'text') {
      say('message', { text: (await collect(content.textChunks())).join('') });
    } else {
      const [audio, words] = await Promise.all([
        collect(content.audioChunks()),
        collect(content.transcriptChunks()),
      ]);
      const bytes = audio.reduce((sum, chunk) => sum + chunk.length, 0);
      say('message', { transcript: words.join(''), whole: content.transcript, bytes });
    }
  }
}

/** Take an answer to its end, and return the last function call in it. */
async function take(response, say) {
  let call;
  for await (const item of response) {
    if (isFunctionCallItem(item)) {
      await item.waitForCompletion();
      say('call', { name: item.functionName, arguments: item.arguments });
      call = item;
    } else {
      await takeMessage(item, say);
    }
  }
  say('response', { status: response.status, tokens: response.usage.total_tokens });
  return call;
}

async function ask(client, text) {
  const content = [{ type: 'input_text', text }];
  await client.sendItem({ type: 'message', role: 'user', content });
  return client.generateResponse();
}

async function text(url, say) {
  const client = open(url);
  const session = await client.configure({ instructions: 'Be brief.', temperature: 0.9 });
  say('session', { model: session.model, temperature: session.temperature });
  await take(await ask(client, 'hello'), say);
  await client.close();
}

async function written(url, say) {
  const client = open(url);
  await client.configure({ modalities: ['text'] });
  await take(await ask(client, 'hello'), say);
  await client.close();
}

// Turns that the server finds by itself.
async function audio(url, say) {
  const client = open(url);
  await client.configure({
    turn_detection: { type: 'server_vad', threshold: 0.5, silence_duration_ms: 500 },
    input_audio_transcription: { model: 'whisper-1' },
  });
  const events = client.events()[Symbol.asyncIterator]();
  for (const piece of await speech()) await client.sendAudio(piece);
  const { value: turn } = await events.next();
  await turn.waitForCompletion();
  say('heard', { transcript: turn.transcription, end_ms: turn.audioEndMillis });
  const { value: response } = await events.next();
  await take(response, say);
  await client.close();
}

async function manual(url, say) {
  const client = open(url);
  await client.configure({
    turn_detection: null,
    input_audio_transcription: { model: 'whisper-1' },
  });
  for (const piece of await speech()) await client.sendAudio(piece);
  const turn = await client.commitAudio();
  await turn.waitForCompletion();
  say('heard', { transcript: turn.transcription });
  await take(await client.generateResponse(), say);
  await client.close();
}

async function tool(url, say) {
  const client = open(url);
  const parameters = {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  };
  const tools = [{ type: 'function', name: 'get_weather', description: 'Weather', parameters }];
  await client.configure({ tools });
  const call = await take(await ask(client, 'what is the weather in Oslo?'), say);
  await client.sendItem({
    type: 'function_call_output',
    call_id: call.callId,
    output: '21C, sunny',
  });
  await take(await client.generateResponse(), say);
  await client.close();
}

// Cut an answer after its first sound, take it out of the conversation, and ask again.
async function cancelled(url, say) {
  const client = open(url);
  const response = await ask(client, 'tell me a long story');
  const { value: message } = await response[Symbol.asyncIterator]().next();
  const { value: content } = await message[Symbol.asyncIterator]().next();
  await content.audioChunks()[Symbol.asyncIterator]().next();
  await response.cancel();
  say('response', { status: response.status, reason: response.statusDetails.reason });
  await client.removeItem(message.id);
  await take(await ask(client, 'hello'), say);
  await client.close();
}

// Events as Azure's documentation of the preview shows them.
async function lowLevel(url, say) {
  const client = open(url, LowLevelRTClient);
  await client.send({
    event_id: null,
    type: 'response.create',
    response: {
      commit: true,
      cancel_previous: true,
      instructions: 'Please assist the user.',
      modalities: ['text', 'audio'],
    },
  });
  for await (const message of client.messages()) {
    if (message.type === 'error') say('error', { error: message.error });
    if (message.type !== 'response.done') continue;
    say('response', { status: message.response.status });
    break;
  }
  await client.close();
}

run({ text, written, audio, manual, tool, cancelled, low_level: lowLevel });
