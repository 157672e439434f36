/**
 * How loud a stream of sound is now.
 */

export class Level {
  #analyser;
  #samples;

  /** @param {AudioContext} context */
  constructor(context) {
    this.#analyser = new AnalyserNode(context, { fftSize: 1024 });
    this.#samples = new Float32Array(this.#analyser.fftSize);
  }

  /** @returns {AudioNode} Hears what is connected to it, and hands it on. */
  get node() {
    return this.#analyser;
  }

  /** @returns {number} Root mean square, 0–1. */
  now() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.sqrt(sum / this.#samples.length);
  }
}
