/**
 * Runs in the browser's audio thread: hands on what the microphone hears as 16-bit PCM of 24 kHz,
 * 40 ms at a time. A message to it asks for what is left at once.
 */

import { Resampler } from "./resampler.js";

const RATE = 24000;
const SAMPLES = 960;

class Capture extends AudioWorkletProcessor {
  #resampler = sampleRate === RATE ? null : new Resampler(sampleRate, RATE);
  #pcm = new Int16Array(SAMPLES);
  #filled = 0;

  constructor() {
    super();
    this.port.onmessage = () => this.#hand(true);
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const heard = inputs[0]?.[0];
    if (!heard) return true;
    for (const sample of this.#resampler ? this.#resampler.push(heard) : heard) {
      this.#pcm[this.#filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.#filled === SAMPLES) this.#hand(false);
    }
    return true;
  }

  /** @param {boolean} flushed Whether somebody waits for it. */
  #hand(flushed) {
    this.port.postMessage({ pcm: this.#pcm.slice(0, this.#filled), flushed });
    this.#filled = 0;
  }
}

registerProcessor("capture", Capture);
