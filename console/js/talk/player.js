/**
 * Plays the answers of a WebSocket, which come faster than they are spoken, and knows to the
 * millisecond how much of each item came out of the loudspeaker.
 */

export const RATE = 24000;
/** Seconds between the arrival of the first piece and its sound: the jitter of one message. */
const LEAD_S = 0.02;

/**
 * @typedef {object} Piece
 * @property {string} itemId
 * @property {string} responseId
 * @property {AudioBufferSourceNode} source
 * @property {number} start Seconds of the context's clock.
 * @property {number} duration Seconds.
 */

export class Player extends EventTarget {
  #context;
  #output;
  /** @type {Piece[]} Those that are not yet played to their end. */
  #pieces = [];
  /** @type {Map<string, number>} Item → seconds of its pieces that were played to their end. */
  #played = new Map();
  /** @type {Set<string>} Responses of which something was heard. */
  #heard = new Set();
  /** @type {Set<string>} Items that were cut: what still comes of them is not wanted. */
  #cut = new Set();
  #end = 0;

  /**
   * @param {AudioContext} context
   * @param {AudioNode} output
   */
  constructor(context, output) {
    super();
    this.#context = context;
    this.#output = output;
  }

  /**
   * Play a piece behind those there are. Fires `heard` when a response begins to sound.
   *
   * @param {string} itemId
   * @param {string} responseId
   * @param {Int16Array} pcm
   */
  add(itemId, responseId, pcm) {
    if (this.#cut.has(itemId) || pcm.length === 0) return;
    const buffer = this.#context.createBuffer(1, pcm.length, RATE);
    const samples = buffer.getChannelData(0);
    for (let i = 0; i < pcm.length; i++) samples[i] = /** @type {number} */ (pcm[i]) / 32768;
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#output);
    const now = this.#context.currentTime;
    const start = this.#end > now ? this.#end : now + LEAD_S;
    const piece = { itemId, responseId, source, start, duration: buffer.duration };
    source.onended = () => this.#finish(piece);
    source.start(start);
    this.#end = start + buffer.duration;
    this.#pieces.push(piece);
    if (this.#heard.has(responseId)) return;
    this.#heard.add(responseId);
    const delay = (start - now + this.#latency()) * 1000;
    setTimeout(() => this.#announce(piece), delay);
  }

  /** Seconds between the context's clock and the ear. */
  #latency() {
    return this.#context.outputLatency || this.#context.baseLatency || 0;
  }

  /** @param {Piece} piece */
  #announce({ itemId, responseId }) {
    if (this.#cut.has(itemId)) return;
    const detail = { item_id: itemId, response_id: responseId };
    this.dispatchEvent(new CustomEvent("heard", { detail }));
  }

  /** @param {Piece} piece */
  #finish(piece) {
    const place = this.#pieces.indexOf(piece);
    if (place < 0) return;
    this.#pieces.splice(place, 1);
    const before = this.#played.get(piece.itemId) ?? 0;
    this.#played.set(piece.itemId, before + piece.duration);
    if (this.#pieces.length === 0) this.dispatchEvent(new Event("drained"));
  }

  /** @returns {boolean} Whether something sounds, or will. */
  get playing() {
    return this.#pieces.length > 0;
  }

  /** @returns {number} Milliseconds that are still to be played. */
  get bufferedMs() {
    return Math.max(0, this.#end - this.#context.currentTime) * 1000;
  }

  /**
   * @param {string} itemId
   * @returns {number} Milliseconds of the item that were heard.
   */
  heardMs(itemId) {
    const now = this.#context.currentTime - this.#latency();
    let seconds = this.#played.get(itemId) ?? 0;
    for (const { itemId: of, start, duration } of this.#pieces) {
      if (of === itemId) seconds += Math.max(0, Math.min(now - start, duration));
    }
    return Math.floor(seconds * 1000);
  }

  /**
   * Play nothing of an item.
   *
   * @param {string} itemId
   * @returns {boolean} Whether that is new: no sound of it had come.
   */
  refuse(itemId) {
    if (this.#cut.has(itemId)) return false;
    this.#cut.add(itemId);
    return true;
  }

  /**
   * Fall silent at once.
   *
   * @returns {{itemId: string, ms: number}[]} The items that were not played to their end.
   */
  interrupt() {
    const ids = [...new Set(this.#pieces.map(({ itemId }) => itemId))];
    const cut = ids.map((itemId) => ({ itemId, ms: this.heardMs(itemId) }));
    for (const { source } of this.#pieces) {
      source.onended = null;
      source.stop();
    }
    for (const { itemId, ms } of cut) {
      this.#cut.add(itemId);
      this.#played.set(itemId, ms / 1000);
    }
    this.#pieces = [];
    this.#end = 0;
    if (cut.length) this.dispatchEvent(new Event("drained"));
    return cut;
  }
}
