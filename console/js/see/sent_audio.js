/**
 * When the page sent the audio that it appended: by this the end of speech is known by the page's own
 * clock, so that a server that is late with its word of it is seen to be late.
 */

/** Milliseconds of audio that are kept: longer than any silence that ends a turn. */
const KEPT_MS = 60_000;

export class SentAudio {
  /**
   * Where each piece lies in the session's audio, and when it was sent, which is when its end was
   * heard, by `performance.now()`.
   * @type {{startMs: number, endMs: number, at: number}[]}
   */
  #pieces = [];

  /** Another session begins to count. */
  begin() {
    this.#pieces = [];
  }

  /**
   * @param {number} ms Length of a piece.
   * @param {number} at In ms of `performance.now()`.
   */
  add(ms, at) {
    const startMs = this.#pieces.at(-1)?.endMs ?? 0;
    const endMs = startMs + ms;
    this.#pieces.push({ startMs, endMs, at });
    // More than is kept by a tenth at most, so that it is not moved with every piece.
    const oldest = this.#pieces.findIndex((piece) => piece.endMs >= endMs - KEPT_MS);
    if (oldest > this.#pieces.length / 10) this.#pieces.splice(0, oldest);
  }

  /**
   * When a moment of the audio was heard by the microphone; null: it was not sent by this page, as on
   * a call, or is too long ago.
   * @param {number} ms In the session's audio.
   */
  heardAt(ms) {
    const piece = this.#pieces.find(({ endMs }) => endMs >= ms);
    return piece && piece.startMs <= ms ? piece.at - (piece.endMs - ms) : null;
  }
}
