// Runs in the browser's audio thread: hands on what the microphone hears, 40 ms at a time, as 16-bit
// PCM. Its sample rate is that of its AudioContext, 24 kHz (talk.js).

const SAMPLES = 960;

class Microphone extends AudioWorkletProcessor {
  #pcm = new Int16Array(SAMPLES);
  #filled = 0;

  process([[heard]]) {
    for (const sample of heard ?? []) {
      this.#pcm[this.#filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.#filled === SAMPLES) {
        this.port.postMessage(this.#pcm.slice());
        this.#filled = 0;
      }
    }
    return true;
  }
}

registerProcessor('microphone', Microphone);
