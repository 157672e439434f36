// What the drivers share: they print what happens as JSON lines, one scenario after the other.

import { readFile } from 'node:fs/promises';

export { Watch } from './watch.mjs';

const DEADLINE_MS = 12_000; // An event that has not come after this long is missing.
export const RATE = 24_000;
const WAV_HEADER = 44;
const STEP = RATE / 5; // 100 ms of PCM, as a microphone would deliver it.

/** Say "hello how are you doing today", with silence around it, in pieces. */
export async function speech() {
  const clip = await readFile(new URL('../../data/flite-slt_s01.wav', import.meta.url));
  const before = Buffer.alloc((RATE * 2 * 3) / 10);
  const pcm = Buffer.concat([before, clip.subarray(WAV_HEADER), Buffer.alloc(RATE * 2)]);
  const pieces = [];
  for (let start = 0; start < pcm.length; start += STEP) {
    pieces.push(pcm.subarray(start, start + STEP));
  }
  return pieces;
}

/** Run scenarios, `{name: async (url, say) => ...}`, against the server of the command line. */
export async function run(scenarios) {
  const url = process.argv[2];
  const only = process.env.ONLY_SCENARIO;
  for (const [scenario, play] of Object.entries(scenarios)) {
    if (only && scenario !== only) continue;
    const say = (event, fields = {}) => console.log(JSON.stringify({ scenario, event, ...fields }));
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('the deadline has passed')), DEADLINE_MS);
    });
    try {
      await Promise.race([play(url, say), late]);
      say('end');
    } catch (error) {
      say('failure', { error: String(error.stack ?? error) });
    } finally {
      clearTimeout(timer);
    }
  }
  process.exit(0);
}
