// Drives the streaming recogniser of LiveKit's OpenAI plugin for Node as an AgentSession does.

import { initializeLogger, stt as agents } from '@livekit/agents';
import { STT } from '@livekit/agents-plugin-openai';
import { AudioFrame } from '@livekit/rtc-node';
import { RATE, run, speech } from '../scenarios.mjs';

initializeLogger({ pretty: false, level: 'silent' });

/** Speak, and say what comes, until the turn is counted: the last event of a turn. */
async function heard(stream, say) {
  for (const piece of await speech()) {
    const samples = new Int16Array(piece.length / 2);
    for (let index = 0; index < samples.length; index++) {
      samples[index] = piece.readInt16LE(2 * index);
    }
    stream.pushFrame(new AudioFrame(samples, RATE, 1, samples.length));
  }
  // The input stays open meanwhile, as a microphone's does.
  for (;;) {
    const { value: event, done } = await stream.next();
    if (done) throw new Error('the stream has ended');
    const found = event.alternatives ?? [];
    say(agents.SpeechEventType[event.type].toLowerCase(), {
      texts: found.map((one) => one.text),
      languages: found.map((one) => one.language),
    });
    if (event.type === agents.SpeechEventType.RECOGNITION_USAGE) {
      say('usage', { audio_s: event.recognitionUsage.audioDuration });
      return;
    }
  }
}

/** Speak two turns in one session. */
async function listen(url, say, options, between = () => {}) {
  const baseURL = url.replace('ws://', 'http://').split('/realtime')[0];
  const recogniser = new STT({ baseURL, apiKey: 'none', ...options });
  recogniser.on('error', (event) => say('error', { error: String(event.error) }));
  // It is not closed: this version's own detector then leaves a rejected promise behind.
  const stream = recogniser.stream();
  await heard(stream, say);
  between(recogniser);
  await heard(stream, say);
}

async function server_turns(url, say) {
  await listen(url, say, { model: 'gpt-4o-mini-transcribe', language: 'en-US' });
}

async function detected_language(url, say) {
  await listen(url, say, {
    model: 'my-own-recogniser',
    detectLanguage: true,
    noiseReductionType: 'near_field',
    turnDetection: { silence_duration_ms: 300 },
  });
}

/** With other hints for the second turn. */
async function context_hints(url, say) {
  const options = { model: 'gpt-transcribe', language: ['en', 'de'], keywords: ['flite'] };
  await listen(url, say, options, (recogniser) =>
    recogniser.updateOptions({ keywords: ['flite', 'slt'], language: 'en', prompt: 'A greeting.' }),
  );
}

/** Its own detector commits: it has the server detect nothing with this model. */
async function client_turns(url, say) {
  await listen(url, say, { model: 'gpt-live-transcribe' });
}

/** What a plain `new STT()` has, and its own detector. */
async function gpt_realtime_whisper(url, say) {
  await listen(url, say, {});
}

run({ server_turns, detected_language, context_hints, client_turns, gpt_realtime_whisper });
