// Drives `openai-realtime-api`, the typed edition of OpenAI's first realtime client, which spoke
// beta and which many applications have copied.

import { RealtimeClient } from 'openai-realtime-api';
import { Watch, run, speech } from './scenarios.mjs';

class Talk extends Watch {
  constructor(url, say, sessionConfig) {
    super();
    this.client = new RealtimeClient({ url, apiKey: 'none', sessionConfig });
    this.done = 0;
    this.say = say;
    this.client.on('realtime.event', ({ source, event }) => {
      if (source === 'server') this.#take(event);
    });
    this.client.on('conversation.updated', () => this.changed());
    this.client.on('conversation.interrupted', () => say('interrupted'));
  }

  #take(event) {
    if (event.type === 'error') this.say('error', { error: event.error });
    if (event.type === 'response.done') {
      this.done += 1;
      this.say('response', { status: event.response.status });
    }
    this.changed();
  }

  async open() {
    await this.client.connect();
    await this.client.waitForSessionCreated();
    return this;
  }

  ask(text) {
    this.client.sendUserMessageContent([{ type: 'input_text', text }]);
  }

  async hear() {
    for (const piece of await speech()) {
      const { buffer, byteOffset, byteLength } = piece;
      this.client.appendInputAudio(new Int16Array(buffer.slice(byteOffset, byteOffset + byteLength)));
    }
  }

  answered(count = 1) {
    return this.until(() => this.done >= count);
  }

  messages(role) {
    return this.client.conversation.getItems().filter((item) => item.role === role);
  }

  conclude() {
    const shown = ({ formatted, content }) => ({
      text: formatted.transcript || formatted.text || '',
      bytes: (formatted.audio?.length ?? 0) * 2,
      parts: content.length,
    });
    this.say('user', { messages: this.messages('user').map(shown) });
    this.say('assistant', { messages: this.messages('assistant').map(shown) });
    this.client.disconnect();
  }
}

async function text(url, say) {
  const talk = await new Talk(url, say).open();
  talk.ask('hello');
  await talk.answered();
  talk.conclude();
}

async function audio(url, say) {
  const talk = await new Talk(url, say, { turn_detection: { type: 'server_vad' } }).open();
  await talk.hear();
  await talk.answered();
  talk.conclude();
}

async function manual(url, say) {
  const talk = await new Talk(url, say).open();
  await talk.hear();
  talk.client.createResponse();
  await talk.answered();
  talk.conclude();
}

async function tool(url, say) {
  const talk = await new Talk(url, say).open();
  const parameters = {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  };
  talk.client.addTool(
    { name: 'get_weather', description: 'Weather of a city', parameters },
    ({ city }) => {
      say('tool', { city });
      return `21C and sunny in ${city}`;
    },
  );
  talk.ask('what is the weather in Oslo?');
  await talk.answered(2);
  talk.conclude();
}

// Cut an answer after its first sound, as the console did when its user began to speak.
async function cancelled(url, say) {
  const talk = await new Talk(url, say).open();
  talk.ask('tell me a long story');
  await talk.until(() => talk.messages('assistant')[0]?.formatted.audio?.length);
  talk.client.cancelResponse(talk.messages('assistant')[0].id, 2400);
  await talk.answered();
  talk.ask('hello');
  await talk.answered(2);
  talk.conclude();
}

run({ text, audio, manual, tool, cancelled });
