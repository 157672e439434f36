// A spoken turn and a typed one from Node, over a plain WebSocket.
//
//   cd examples/node && npm install
//   node talk.mjs question.wav answer.wav            # any WAV of 16 bits, mono
//
// The `openai` package for JavaScript connects by wss: only, so it needs a TLS proxy in front of the
// server; the protocol is JSON, and a plain WebSocket speaks it just as well. REALTIME_URL and
// REALTIME_API_KEY name another server.

import { readFile, writeFile } from 'node:fs/promises';
import { WebSocket } from 'ws';

const URL = process.env.REALTIME_URL ?? 'ws://localhost:8000/v1/realtime';
const KEY = process.env.REALTIME_API_KEY ?? 'none';
const [, , question, answer] = process.argv;
if (!answer) {
  console.error('usage: node talk.mjs QUESTION.wav ANSWER.wav');
  process.exit(2);
}

/** Say in a sentence what is wrong, and end. */
function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

const unreachable = ({ message }) =>
  fail(`No session with ${URL} (${message}): start the server with make run, or set REALTIME_URL.`);

/** Read a WAV file: its rate, and its samples as 16-bit PCM. */
async function readWav(path) {
  const file = await readFile(path);
  let rate;
  for (let at = 12; at + 8 <= file.length; ) {
    const name = file.toString('latin1', at, at + 4);
    const length = file.readUInt32LE(at + 4);
    const body = file.subarray(at + 8, at + 8 + length);
    if (name === 'fmt ') {
      rate = body.readUInt32LE(4);
      if (body.readUInt16LE(2) !== 1 || body.readUInt16LE(14) !== 16) {
        throw new Error('it has other samples');
      }
    }
    if (name === 'data' && rate) return { rate, pcm: body };
    at += 8 + length + (length % 2);
  }
  throw new Error('it is no WAV file');
}

/** Make a WAV file of 16-bit PCM, mono. */
function wav(pcm, rate) {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + pcm.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20); // PCM
  head.writeUInt16LE(1, 22); // mono
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(pcm.length, 40);
  return Buffer.concat([head, pcm]);
}

/** Connect; an address that is none is told as one that does not answer. */
function connect() {
  try {
    return new WebSocket(URL, { headers: { Authorization: `Bearer ${KEY}` } });
  } catch (error) {
    return unreachable(error);
  }
}

const { rate, pcm } = await readWav(question).catch(({ message }) =>
  fail(`${question} cannot be read (${message}): name a WAV file, mono with 16 bits.`),
);
// 8, 16, 24 and 48 kHz are taken and spoken as they are.
const format = { type: 'audio/pcm', rate };
const socket = connect();
const send = (event) => socket.send(JSON.stringify(event));
const spoken = [];
let answers = 0;

socket.on('open', () => {
  send({
    type: 'session.update',
    session: {
      type: 'realtime',
      audio: {
        input: {
          format,
          transcription: { model: 'whisper-1' },
          turn_detection: null, // The file's end is the turn's: it is committed below.
        },
        output: { format },
      },
    },
  });
  // 100 ms at a time, as a microphone would.
  for (let at = 0; at < pcm.length; at += rate / 5) {
    const audio = pcm.subarray(at, at + rate / 5).toString('base64');
    send({ type: 'input_audio_buffer.append', audio });
  }
  send({ type: 'input_audio_buffer.commit' });
  send({ type: 'response.create' });
});

socket.on('message', async (text) => {
  const event = JSON.parse(text);
  switch (event.type) {
    case 'conversation.item.input_audio_transcription.completed':
      console.log('You:', event.transcript);
      break;
    case 'response.output_audio.delta':
      spoken.push(Buffer.from(event.delta, 'base64'));
      break;
    case 'response.output_audio_transcript.done':
      console.log('Assistant:', event.transcript);
      break;
    case 'error':
      console.error('The server says:', event.error.message);
      break;
    case 'response.done':
      answers += 1;
      if (answers === 1) {
        const content = [{ type: 'input_text', text: 'Tell me a joke.' }];
        console.log('You:', content[0].text);
        send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
        send({ type: 'response.create' });
      } else {
        await writeFile(answer, wav(Buffer.concat(spoken), rate)).catch(({ message }) =>
          fail(`${answer} cannot be written (${message}): name another file.`),
        );
        socket.close();
      }
  }
});

socket.on('error', unreachable);
socket.on('close', (code, reason) => {
  if (answers < 2) unreachable({ message: `closed, ${code} ${reason}`.trim() });
});
