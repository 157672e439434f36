// Drives OpenAI's Agents SDK for JavaScript in a browser, by its own bundle and its WebRTC transport.

import {
  OpenAIRealtimeWebRTC,
  RealtimeAgent,
  RealtimeSession,
  tool as defineTool,
} from '/node_modules/@openai/agents-realtime/dist/bundle/openai-realtime-agents.mjs';
import { Mouth, Watch, received, silent, sounding } from '/scenarios.mjs';

const NOBODYS = 'ek_of_nobody';

const getWeather = defineTool({
  name: 'get_weather',
  description: 'Weather of a city',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
  execute: async ({ city }) => `21C and sunny in ${city}`,
});

class Talk extends Watch {
  constructor(session, say, seen) {
    super();
    this.session = session;
    this.seen = seen;
    this.say = say;
    this.errors = 'error'; // What an error is called in the lines: a scenario may expect one.
    this.looks = new Map(); // Event type → what had been received when the last such event came.
    const watch = (kind, report) =>
      session.on(kind, (...values) => {
        report(...values);
        this.changed();
      });
    watch('transport_event', (event) => {
      seen.push(event);
      if (event.type === 'response.done') say('response', { status: event.response.status });
      if (event.type.startsWith('output_audio_buffer.')) {
        this.looks.set(event.type, received(this.connection));
      }
    });
    watch('agent_end', (_context, _agent, output) => say('agent_end', { output }));
    watch('agent_tool_end', (_context, _agent, _tool, result) => say('tool_end', { result }));
    watch('history_updated', () => {});
    watch('error', ({ error }) => say(this.errors, { error: JSON.stringify(error) }));
    session.transport.on('connection_change', (status) => {
      say('connection', { status });
      this.changed();
    });
  }

  get connection() {
    return this.session.transport.connectionState.peerConnection;
  }

  count(type) {
    return this.seen.filter((event) => event.type === type).length;
  }

  happened(type, count = 1) {
    return this.until(() => this.count(type) >= count);
  }

  spokenBy(role) {
    return this.session.history
      .filter((item) => item.type === 'message' && item.role === role)
      .map((item) => item.content.map((part) => part.transcript ?? part.text ?? '').join(' '));
  }

  async conclude() {
    const { usage } = this.session;
    this.say('sound', await received(this.connection));
    this.say('history', { user: this.spokenBy('user'), assistant: this.spokenBy('assistant') });
    this.say('usage', { input: usage.inputTokens, output: usage.outputTokens });
    this.say('events', { events: this.seen });
    this.session.close();
  }
}

/** Connect; without a mouth the client asks the browser for the microphone itself. */
async function connect({ calls, secret }, say, seen, mouth) {
  const agent = new RealtimeAgent({
    name: 'Assistant',
    instructions: 'Be brief.',
    tools: [getWeather],
  });
  const options = { baseUrl: calls, ...(mouth && { mediaStream: mouth.stream }) };
  const session = new RealtimeSession(agent, { transport: new OpenAIRealtimeWebRTC(options) });
  const talk = new Talk(session, say, seen);
  if (secret === NOBODYS) talk.errors = 'expected';
  await session.connect({ apiKey: secret });
  say('call', { id: session.transport.callId });
  return talk;
}

/** Run a scenario with a mouth of its own. */
const spoken = (scenario) => async (place, say, seen) => {
  const mouth = new Mouth();
  try {
    const talk = await connect(place, say, seen, mouth);
    await scenario(talk, mouth, say, place);
  } finally {
    await mouth.close();
  }
};

// The client's own defaults: the browser's microphone, which is a file.
async function microphone(place, say, seen) {
  const talk = await connect(place, say, seen);
  await talk.happened('output_audio_buffer.stopped');
  await talk.until(() => talk.spokenBy('user').join(''));
  await talk.conclude();
}

const text = spoken(async (talk) => {
  talk.session.sendMessage('hello');
  await talk.happened('output_audio_buffer.started');
  await sounding(talk.connection);
  await talk.happened('output_audio_buffer.stopped');
  await talk.conclude();
});

const tool = spoken(async (talk) => {
  talk.session.sendMessage('what is the weather in Oslo?');
  await talk.happened('response.done', 2);
  await talk.happened('output_audio_buffer.stopped');
  await talk.conclude();
});

// Speech over an answer that is still being made.
const bargeIn = spoken(async (talk, mouth, say) => {
  talk.session.sendMessage('tell me a long story');
  await sounding(talk.connection);
  await mouth.say('/data/flite-slt_s01.wav');
  await talk.happened('conversation.item.truncated');
  await talk.happened('output_audio_buffer.stopped');
  await talk.conclude();
});

// Speech into an answer that was made long ago, and is still being played.
const lateBargeIn = spoken(async (talk, mouth, say) => {
  talk.session.sendMessage('say it');
  await talk.happened('response.done');
  await talk.happened('output_audio_buffer.started');
  const begun = await talk.looks.get('output_audio_buffer.started');
  while ((await received(talk.connection)).seconds < begun.seconds + 2) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await mouth.say('/data/flite-slt_s01.wav');
  await talk.happened('conversation.item.truncated');
  const { seconds } = await talk.looks.get('output_audio_buffer.cleared');
  say('heard', { ms: 1000 * (seconds - begun.seconds) });
  await talk.happened('response.created', 2);
  await talk.conclude();
});

// `interrupt` stops the sound, and what is said next is answered.
const interrupt = spoken(async (talk) => {
  talk.session.sendMessage('tell me a long story');
  await sounding(talk.connection);
  talk.session.interrupt();
  await talk.happened('output_audio_buffer.cleared');
  await talk.happened('response.done');
  await silent(talk.connection);
  const before = await received(talk.connection);
  talk.session.sendMessage('hello');
  await sounding(talk.connection, before);
  await talk.happened('output_audio_buffer.stopped');
  await talk.conclude();
});

// What is said while muted is not heard.
const mute = spoken(async (talk, mouth, say) => {
  talk.session.mute(true);
  await mouth.say('/data/flite-slt_s01.wav');
  talk.session.sendMessage('hello');
  await talk.happened('response.done');
  say('muted', { speech: talk.count('input_audio_buffer.speech_started') });
  await talk.happened('output_audio_buffer.stopped');
  talk.session.mute(false);
  await mouth.say('/data/flite-slt_s01.wav');
  await talk.happened('input_audio_buffer.speech_stopped');
  await talk.happened('output_audio_buffer.stopped', 2);
  await talk.conclude();
});

// An utterance whose item is larger than a message on the channel may be.
const long = spoken(async (talk, mouth, say) => {
  await mouth.say('/spoken/long.wav');
  await talk.happened('conversation.item.input_audio_transcription.completed');
  await talk.happened('output_audio_buffer.stopped');
  const channel = talk.session.transport.connectionState.dataChannel;
  say('channel', { state: channel.readyState });
  talk.session.sendMessage('hello');
  await talk.happened('output_audio_buffer.stopped', 2);
  await talk.conclude();
});

// The server's side hangs up: the client sees it.
const hangUp = spoken(async (talk, mouth, say, { calls, key }) => {
  const { callId } = talk.session.transport;
  talk.errors = 'expected';
  const headers = { Authorization: `Bearer ${key}` };
  const gone = await fetch(`${calls}/${callId}/hangup`, { method: 'POST', headers });
  say('hung_up', { status: gone.status });
  await talk.until(() => talk.session.transport.status === 'disconnected');
  const again = await fetch(`${calls}/${callId}/hangup`, { method: 'POST', headers });
  say('hung_up_again', { status: again.status, ...(await again.json()) });
});

// What the client shows of a call that is refused.
async function refused(place, say, seen) {
  try {
    await connect({ ...place, secret: NOBODYS }, say, seen);
  } catch (error) {
    say('refused', { message: error.message });
  }
}

export const scenarios = {
  microphone,
  text,
  tool,
  barge_in: bargeIn,
  late_barge_in: lateBargeIn,
  interrupt,
  mute,
  long,
  hang_up: hangUp,
  refused,
};
