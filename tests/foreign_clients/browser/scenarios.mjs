// What the drivers share: a mouth, ears, and lines of what happens, as the drivers of Node print.

export { Watch } from '/node/watch.mjs';

const DEADLINE_MS = 50_000; // An event that has not come after this long is missing.

/** A microphone that says what it is told to, when it is told to; else it hears nothing. */
export class Mouth {
  constructor() {
    this.context = new AudioContext({ sampleRate: 48_000 });
    this.output = this.context.createMediaStreamDestination();
    this.stream = this.output.stream;
  }

  /** Say a WAV file; resolves when all is said. */
  async say(path) {
    const file = await (await fetch(path)).arrayBuffer();
    const source = this.context.createBufferSource();
    source.buffer = await this.context.decodeAudioData(file);
    source.connect(this.output);
    source.start();
    await new Promise((resolve) => source.addEventListener('ended', resolve));
  }

  close() {
    for (const track of this.stream.getTracks()) track.stop();
    return this.context.close();
  }
}

/** What a connection has received: `seconds` of audio with `energy`, by WebRTC's own statistics. */
export async function received(connection) {
  for (const report of (await connection.getStats()).values()) {
    if (report.type === 'inbound-rtp' && report.kind === 'audio') {
      return { energy: report.totalAudioEnergy ?? 0, seconds: report.totalSamplesDuration ?? 0 };
    }
  }
  return { energy: 0, seconds: 0 };
}

/** Wait until a connection has received sound since `before`. */
export async function sounding(connection, before = { energy: 0 }) {
  while ((await received(connection)).energy <= before.energy + 1e-4) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Wait until a connection has received half a second in which there was no sound. */
export async function silent(connection) {
  for (let start = await received(connection); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 60)); // Chromium looks every 50 ms.
    const now = await received(connection);
    const seconds = now.seconds - start.seconds;
    if (now.energy - start.energy > 1e-4 * seconds) start = now;
    else if (seconds > 0.5) return;
  }
}

/** Run one scenario, `async (place, say, seen) => ...`, and return its lines. */
export async function run(scenario, play, place) {
  const lines = [];
  const seen = []; // The server's events, which tell how far a scenario came that failed.
  const say = (event, fields = {}) => lines.push({ scenario, event, ...fields });
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('the deadline has passed')), DEADLINE_MS);
  });
  try {
    await Promise.race([play(place, say, seen), late]);
    say('end');
  } catch (error) {
    const types = seen.map((event) => event.type).slice(-12);
    say('failure', { error: String(error?.stack ?? error), types });
  } finally {
    clearTimeout(timer);
  }
  return lines;
}
