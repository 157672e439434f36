/**
 * What the server's turn detector observed in the last minute, by the clock of the session's audio:
 * loudness, how likely it was speech, and what was decided.
 */

/** @typedef {import('./event_store.js').WireEvent} WireEvent */

/**
 * A decision of the turn detector.
 * @typedef {object} Mark
 * @property {number} at_ms
 * @property {'started' | 'hesitated' | 'resumed' | 'paused' | 'stopped' | 'echo'} what
 * @property {number | null} complete How complete the turn sounded, 0–1, where that was judged.
 */

/** @typedef {{ms: number, speech: number, level: number}} Window */

/** Milliseconds that are kept. */
export const KEPT_MS = 60_000;
/** Speech ends this far below the threshold at which it begins. */
export const HYSTERESIS = 0.15;
/** The threshold of sessions that have no such setting. */
const DEFAULT_THRESHOLD = 0.5;

export class SpeechLog {
  /**
   * In the order of time, without overlaps.
   * @type {Window[]}
   */
  windows = [];
  /** @type {Mark[]} */
  marks = [];
  windowMs = 32;
  /** @type {number | null} */
  threshold = null;

  /** @param {WireEvent} event `console.turn_detection` */
  take(event) {
    const { start_ms: start, window_ms: windowMs, speech, level, turn } = event;
    // A session that begins anew begins at 0.
    if (start < this.endMs) {
      this.windows = [];
      this.marks = [];
    }
    this.windowMs = windowMs;
    this.threshold = event.threshold ?? null;
    for (const [index, probability] of speech.entries()) {
      const ms = start + index * windowMs;
      this.windows.push({ ms, speech: probability, level: level[index] ?? 0 });
    }
    this.marks.push(...turn);
    const oldest = this.endMs - KEPT_MS;
    while (this.windows.length && this.windows[0].ms < oldest) this.windows.shift();
    while (this.marks.length && this.marks[0].at_ms < oldest) this.marks.shift();
  }

  /** Where the last window ends, in ms of the session's audio; 0: there is none. */
  get endMs() {
    const last = this.windows.at(-1);
    return last ? last.ms + this.windowMs : 0;
  }

  /** The probability below which speech is over. */
  get exitThreshold() {
    return Math.max((this.threshold ?? DEFAULT_THRESHOLD) - HYSTERESIS, 0.01);
  }

  /**
   * Milliseconds of silence before a moment; null: it was not observed.
   * @param {number} ms In the session's audio.
   */
  silenceBefore(ms) {
    if (this.endMs < ms) return null;
    for (let index = this.windows.length - 1; index >= 0; index--) {
      const window = this.windows[index];
      if (window.ms < ms && window.speech >= this.exitThreshold) {
        return Math.max(0, ms - window.ms - this.windowMs);
      }
    }
    return null;
  }

  /**
   * The windows and marks between two moments.
   * @param {number} from
   * @param {number} to
   */
  between(from, to) {
    const first = this.#index(from - this.windowMs);
    const last = this.#index(to);
    return {
      windows: this.windows.slice(first, last),
      marks: this.marks.filter((mark) => mark.at_ms >= from && mark.at_ms <= to),
    };
  }

  /** Index of the first window that begins behind a moment. @param {number} ms */
  #index(ms) {
    let [low, high] = [0, this.windows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.windows[middle].ms <= ms) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
