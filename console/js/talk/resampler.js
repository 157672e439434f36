/**
 * Converts sound from the rate of a device to another one while it streams.
 *
 * A windowed sinc, evaluated where each output sample lies: exact for any pair of rates, and free of
 * the tones that dropping samples folds down from above half the target rate.
 */

const LOBES = 16;
/** Share of the band that is kept whole; the window's slope takes the rest. */
const KEPT = 0.92;
const STEPS = 256;

export class Resampler {
  #step;
  #half;
  /** @type {Float32Array} The kernel, `STEPS` values to an input sample, from its middle on. */
  #kernel;
  /** @type {Float32Array} Input of which output is still made. */
  #kept;
  /** Where the next output sample lies in `#kept`. */
  #at;

  /**
   * @param {number} from Hz.
   * @param {number} to Hz.
   */
  constructor(from, to) {
    this.#step = from / to;
    const cutoff = Math.min(1, to / from) * KEPT;
    this.#half = Math.ceil(LOBES / cutoff);
    this.#kernel = new Float32Array(this.#half * STEPS + 2);
    for (let i = 0; i <= this.#half * STEPS; i++) {
      const x = i / STEPS;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * cutoff * x) / (Math.PI * cutoff * x);
      const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / this.#half);
      this.#kernel[i] = cutoff * sinc * window;
    }
    this.#kept = new Float32Array(this.#half);
    this.#at = this.#half;
  }

  /**
   * Return what can be made of the input so far: some 16 samples later than it went in.
   *
   * @param {Float32Array} input
   * @returns {Float32Array}
   */
  push(input) {
    const all = new Float32Array(this.#kept.length + input.length);
    all.set(this.#kept);
    all.set(input, this.#kept.length);
    const count = Math.max(0, Math.ceil((all.length - this.#half - this.#at) / this.#step));
    const made = new Float32Array(count);
    for (let i = 0; i < count; i++) made[i] = this.#sample(all, this.#at + i * this.#step);
    const next = this.#at + count * this.#step;
    const first = Math.min(all.length, Math.max(0, Math.floor(next) - this.#half));
    this.#kept = all.slice(first);
    this.#at = next - first;
    return made;
  }

  /**
   * @param {Float32Array} input
   * @param {number} at
   */
  #sample(input, at) {
    let sum = 0;
    const first = Math.max(0, Math.ceil(at - this.#half));
    const last = Math.min(input.length - 1, Math.floor(at + this.#half));
    for (let i = first; i <= last; i++) {
      const place = Math.abs(i - at) * STEPS;
      const index = Math.floor(place);
      const low = this.#kernel[index] ?? 0;
      const high = this.#kernel[index + 1] ?? 0;
      sum += (input[i] ?? 0) * (low + (high - low) * (place - index));
    }
    return sum;
  }
}
