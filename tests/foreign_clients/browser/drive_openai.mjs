// Drives the WebRTC client of the official `openai` package, as it is installed.

import { OpenAIRealtimeWebRTC } from '/node_modules/openai/realtime/webrtc.mjs';
import { Watch, received, sounding } from '/scenarios.mjs';

/** Connect with the browser's microphone, and watch what comes. */
async function connect({ calls, secret }, say, seen, ending = { expected: false }) {
  const watch = new Watch();
  const client = new OpenAIRealtimeWebRTC();
  const player = Object.assign(document.createElement('audio'), { autoplay: true });
  const { peerConnection } = client;
  peerConnection.addEventListener('track', ({ streams }) => (player.srcObject = streams[0]));
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  peerConnection.addTrack(microphone.getAudioTracks()[0], microphone);
  client.onEvent((event) => {
    seen.push(event);
    if (event.type === 'error') say('error', { error: event.error });
    watch.changed();
  });
  client.onConnectionEvent((event) => {
    // A call that the other side ends looks like an error first, in Chromium.
    if (event.type === 'error' && !ending.expected) say('error', { error: String(event.error) });
    if (event.type === 'closed') say('closed', { reason: event.reason });
    watch.changed();
  });
  let location = null;
  await client.connect({
    exchangeSdp: async (sdp, { signal }) => {
      const headers = { 'Content-Type': 'application/sdp', Authorization: `Bearer ${secret}` };
      const answer = await fetch(calls, { method: 'POST', body: sdp, headers, signal });
      location = answer.headers.get('Location');
      say('answer', { status: answer.status, location });
      return await answer.text();
    },
  });
  const happened = (type, count = 1) =>
    watch.until(() => seen.filter((event) => event.type === type).length >= count);
  const leave = () => {
    client.close();
    // The file of the browser's microphone begins anew with the next.
    for (const track of microphone.getTracks()) track.stop();
  };
  return { client, location: () => location, watch, happened, leave };
}

// A spoken turn, a written one, and the end.
async function conversation(place, say, seen) {
  const { client, happened, leave } = await connect(place, say, seen);
  await happened('session.created');
  client.send({
    type: 'session.update',
    session: {
      type: 'realtime',
      audio: { input: { transcription: { model: 'whisper-1' } } },
    },
  });
  await happened('conversation.item.input_audio_transcription.completed');
  await sounding(client.peerConnection);
  await happened('output_audio_buffer.stopped');
  const content = [{ type: 'input_text', text: 'hello' }];
  client.send({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } });
  client.send({ type: 'response.create' });
  await happened('output_audio_buffer.stopped', 2);
  say('sound', await received(client.peerConnection));
  say('events', { events: seen });
  leave();
}

// Whoever made the call ends it by the address of the call; the client sees it.
async function deleted(place, say, seen) {
  const ending = { expected: false };
  const { client, location, watch, happened, leave } = await connect(place, say, seen, ending);
  await happened('session.created');
  ending.expected = true;
  const headers = { Authorization: `Bearer ${place.secret}` };
  const gone = await fetch(new URL(location(), place.calls), { method: 'DELETE', headers });
  say('deleted', { status: gone.status });
  await watch.until(() => client.state === 'closed');
  leave();
}

export const scenarios = { conversation, deleted };
