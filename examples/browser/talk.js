// A Realtime client in plain JavaScript: a WebSocket, an AudioWorklet for the microphone, and a queue
// of what is to be played.

const RATE = 24000; // of 16-bit PCM, mono: what a session takes and speaks unless it is told otherwise
const $ = (id) => document.getElementById(id);

/** Plays an answer piece by piece, and knows how much of it was heard. */
class Player {
  #context;
  #output;
  #item = null; // the answer that is played
  #pieces = []; // {source, start, duration} in seconds of the context's clock
  #end = 0; // when the last piece ends

  constructor(context, output) {
    this.#context = context;
    this.#output = output;
  }

  add(item, pcm) {
    if (item !== this.#item) {
      this.#item = item;
      this.#pieces = [];
    }
    const buffer = this.#context.createBuffer(1, pcm.length, RATE);
    buffer.copyToChannel(Float32Array.from(pcm, (sample) => sample / 32768), 0);
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#output);
    // Answers come faster than they are played: each piece begins where the one before it ends.
    const start = Math.max(this.#context.currentTime, this.#end);
    source.start(start);
    this.#end = start + buffer.duration;
    this.#pieces.push({ source, start, duration: buffer.duration });
  }

  /** Fall silent. Returns the answer and how much of it was heard, or null if all of it was. */
  interrupt() {
    const now = this.#context.currentTime;
    const item = this.#item;
    if (item === null || this.#end <= now) return null;
    let heard = 0;
    for (const { source, start, duration } of this.#pieces) {
      heard += Math.max(0, Math.min(now - start, duration));
      source.stop();
    }
    this.#item = null;
    this.#pieces = [];
    this.#end = 0;
    return { item, ms: Math.floor(heard * 1000) };
  }
}

/** A session: made by a click, since browsers let no page play or record before one. */
class Conversation {
  #socket;
  #context = new AudioContext({ sampleRate: RATE });
  #analyser;
  #player;
  #stream = null;
  #lines = new Map(); // item → its line in the log
  #cut = new Set(); // answers that were interrupted: what still comes of them is not wanted
  #answering = false;

  constructor(url, key) {
    this.#analyser = new AnalyserNode(this.#context);
    this.#analyser.connect(this.#context.destination);
    this.#player = new Player(this.#context, this.#analyser);
    // Browsers cannot send an Authorization header with a WebSocket; a key goes as a subprotocol.
    const protocols = ['realtime', ...(key ? [`openai-insecure-api-key.${key}`] : [])];
    this.#socket = new WebSocket(url, protocols);
    this.#socket.onopen = () => this.#begin();
    this.#socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    this.#socket.onclose = ({ code, reason }) => {
      // Browsers do not tell a page why there is no connection: each cause has this code.
      const lost =
        `No connection to ${url}: check that the server is up, that this is its address, and that ` +
        `its REALTIME_SERVER__ALLOWED_ORIGINS has ${location.origin} if it is not on this machine.`;
      note(code === 1006 ? lost : `Closed (${code} ${reason || 'no reason given'}).`);
      this.close();
    };
  }

  async #begin() {
    this.#send({
      type: 'session.update',
      session: {
        type: 'realtime',
        audio: {
          input: {
            transcription: { model: 'whisper-1' },
            turn_detection: { type: 'server_vad' }, // hands-free: the server hears when you are done
          },
        },
      },
    });
    note('Connected.');
    $('text').disabled = false;
    this.#showLevel();
    try {
      await this.#listen();
      note('Listening.');
    } catch (error) {
      note(`No microphone (${error.message}): type instead.`);
    }
  }

  async #listen() {
    // The browser takes the answer's echo out of what the microphone hears.
    const audio = { echoCancellation: true, noiseSuppression: true };
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio });
    await this.#context.audioWorklet.addModule('microphone.js');
    const microphone = new AudioWorkletNode(this.#context, 'microphone');
    microphone.port.onmessage = ({ data }) =>
      this.#send({ type: 'input_audio_buffer.append', audio: toBase64(data.buffer) });
    new MediaStreamAudioSourceNode(this.#context, { mediaStream: this.#stream }).connect(microphone);
  }

  #hear(event) {
    switch (event.type) {
      case 'input_audio_buffer.speech_started':
        this.#interrupt();
        break;
      case 'conversation.item.input_audio_transcription.completed':
        this.#line(event.item_id, 'user').textContent = event.transcript;
        break;
      case 'conversation.item.added':
        // In the order in which things were said: transcripts come later.
        if (event.item.type === 'message') this.#line(event.item.id, event.item.role);
        break;
      case 'response.created':
        this.#answering = true;
        break;
      case 'response.output_audio_transcript.delta':
        if (!this.#cut.has(event.item_id)) this.#line(event.item_id, 'assistant').append(event.delta);
        break;
      case 'response.output_audio.delta':
        if (!this.#cut.has(event.item_id)) this.#player.add(event.item_id, fromBase64(event.delta));
        break;
      case 'response.done':
        this.#answering = false;
        if (event.response.status === 'failed') note(event.response.status_details.error.message);
        break;
      case 'error':
        note(event.error.message);
    }
  }

  /** The user talks or types into an answer: be silent, and tell the server what was heard of it. */
  #interrupt() {
    const heard = this.#player.interrupt();
    if (heard === null) return;
    this.#cut.add(heard.item);
    this.#send({
      type: 'conversation.item.truncate',
      item_id: heard.item,
      content_index: 0,
      audio_end_ms: heard.ms,
    });
    this.#line(heard.item, 'assistant').append(' —');
  }

  say(text) {
    // Speech cancels an answer by itself; typing does not.
    if (this.#answering) this.#send({ type: 'response.cancel' });
    this.#interrupt();
    const id = `msg_${Date.now()}`;
    this.#line(id, 'user').textContent = text;
    const content = [{ type: 'input_text', text }];
    this.#send({ type: 'conversation.item.create', item: { id, type: 'message', role: 'user', content } });
    this.#send({ type: 'response.create' });
  }

  close() {
    this.#socket.close();
    this.#stream?.getTracks().forEach((track) => track.stop());
    if (this.#context.state !== 'closed') this.#context.close();
    $('talk').disabled = false;
    $('stop').disabled = $('text').disabled = true;
  }

  #send(event) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(event));
  }

  #line(item, role) {
    if (!this.#lines.has(item)) this.#lines.set(item, line(role));
    return this.#lines.get(item);
  }

  #showLevel() {
    const samples = new Float32Array(this.#analyser.fftSize);
    const show = () => {
      this.#analyser.getFloatTimeDomainData(samples);
      const square = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      $('level').value = Math.sqrt(square);
      if (this.#context.state !== 'closed') requestAnimationFrame(show);
    };
    show();
  }
}

function line(role) {
  const element = document.createElement('p');
  element.className = role;
  $('log').append(element);
  return element;
}

function note(text) {
  line('note').textContent = text;
}

function toBase64(buffer) {
  return btoa(String.fromCharCode(...new Uint8Array(buffer)));
}

function fromBase64(text) {
  return new Int16Array(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
}

let conversation = null;

$('talk').onclick = () => {
  try {
    conversation = new Conversation($('server').value, $('key').value);
  } catch (error) {
    note(`${error.message} A server is like ws://localhost:8000/v1/realtime, a secret like ek_….`);
    return;
  }
  $('talk').disabled = true;
  $('stop').disabled = false;
};
$('stop').onclick = () => conversation.close();
$('form').onsubmit = (event) => {
  event.preventDefault();
  if ($('text').value && !$('text').disabled) conversation.say($('text').value);
  $('text').value = '';
};
