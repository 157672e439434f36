// A page without any client: the code of OpenAI's guide to WebRTC, with another base URL.

import { Watch, received, sounding } from '/scenarios.mjs';

class Guide extends Watch {
  constructor(say, seen) {
    super();
    this.say = say;
    this.seen = seen;
  }

  /** What the guide does, up to its last line. `post` sends the offer. */
  async start(post) {
    this.pc = new RTCPeerConnection();
    const audioElement = document.createElement('audio');
    audioElement.autoplay = true;
    this.pc.ontrack = (e) => (audioElement.srcObject = e.streams[0]);
    const ms = await navigator.mediaDevices.getUserMedia({ audio: true });
    this.microphone = ms.getTracks()[0];
    this.pc.addTrack(this.microphone);
    this.dc = this.pc.createDataChannel('oai-events');
    this.dc.addEventListener('message', (e) => {
      const event = JSON.parse(e.data);
      this.seen.push(event);
      if (event.type === 'error') this.say('error', { error: event.error });
      this.changed();
    });
    const offer = await this.pc.createOffer();
    await this.pc.setLocalDescription(offer);
    const sdpResponse = await post(offer.sdp);
    const { status, headers } = sdpResponse;
    const sdp = await sdpResponse.text();
    this.say('answer', { status, location: headers.get('Location'), sdp });
    await this.pc.setRemoteDescription({ type: 'answer', sdp });
  }

  send(event) {
    this.dc.send(JSON.stringify(event));
  }

  happened(type, count = 1) {
    return this.until(() => this.seen.filter((event) => event.type === type).length >= count);
  }

  async conclude() {
    this.say('sound', await received(this.pc));
    this.say('events', { events: this.seen });
    this.pc.close();
    this.microphone.stop(); // The file of the browser's microphone begins anew with the next.
  }
}

/** A spoken turn of the browser's microphone, and a written one that is answered in writing. */
async function talk(guide) {
  await guide.happened('session.created');
  await guide.happened('response.created');
  await sounding(guide.pc);
  await guide.happened('output_audio_buffer.stopped');
  const content = [{ type: 'input_text', text: 'hello' }];
  guide.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
  guide.send({ type: 'response.create', response: { output_modalities: ['text'] } });
  await guide.happened('response.done', 2);
  await guide.conclude();
}

// The page has an ephemeral key.
async function ephemeral({ calls, secret }, say, seen) {
  const guide = new Guide(say, seen);
  await guide.start((body) =>
    fetch(calls, {
      method: 'POST',
      body,
      headers: { Authorization: `Bearer ${secret}`, 'Content-Type': 'application/sdp' },
    }),
  );
  await talk(guide);
}

// The page sends its offer and the session in one form.
async function unified({ calls, key }, say, seen) {
  const session = {
    type: 'realtime',
    model: 'gpt-realtime',
    instructions: 'Be brief.',
    audio: { output: { voice: 'marin' }, input: { transcription: { model: 'whisper-1' } } },
  };
  const guide = new Guide(say, seen);
  await guide.start((sdp) => {
    const fd = new FormData();
    fd.set('sdp', sdp);
    fd.set('session', JSON.stringify(session));
    return fetch(calls, { method: 'POST', headers: { Authorization: `Bearer ${key}` }, body: fd });
  });
  await talk(guide);
}

export const scenarios = { ephemeral, unified };
