/**
 * A connection to the server, the same to the rest of the page whether it is a WebSocket or a
 * WebRTC call. What both have in common is here: the log, and what is known from the events alone.
 *
 * Events: `status`; `closed`, a `CustomEvent` of `Ended`; `heard`, a `CustomEvent` with
 * `{item_id, response_id}`, when the first sound of a response comes out of the loudspeaker;
 * `playing`, when sound of an answer begins or ends; `event`, a `CustomEvent` of what the server sent.
 */

import { Asked } from "./asked.js";
import { withoutAudio } from "./logged.js";

/** @typedef {import("../see/event_store.js").WireEvent} RealtimeEvent */
/** @typedef {'connecting' | 'open' | 'closed'} Status */
/** @typedef {import("./microphone.js").Microphone} Microphone */
/** @typedef {import("./ended.js").Ended} Ended */

/**
 * What is known of the way to the server; null: this transport does not measure it.
 *
 * @typedef {object} Stats
 * @property {'webrtc' | 'websocket'} transport
 * @property {number | null} round_trip_ms
 * @property {number | null} jitter_ms
 * @property {number | null} lost_packets Of the answers' sound.
 * @property {number | null} received_packets
 * @property {number | null} concealed_ms Sound that the browser made up for what was lost.
 * @property {number} bytes_sent
 * @property {number} bytes_received
 * @property {number | null} buffered_ms Sound that has come and is not yet played.
 * @property {string | null} local_address
 * @property {string | null} remote_address
 */

/**
 * @abstract
 */
export class Link extends EventTarget {
  /** @type {Status} */
  status = "connecting";
  /** @type {string | null} Of a WebRTC call: `rtc_…`. */
  callId = null;
  /** The session as the server last told it. @type {RealtimeEvent | null} */
  session = null;
  /** Whether the server has spoken in this session. */
  spoken = false;
  /** Whether the reader speaks, as far as the server hears it. */
  speaking = false;
  /** Why it ended. @type {Ended | null} */
  ended = null;
  /** @type {Set<string>} Responses that are being made. */
  responding = new Set();
  /** Items that still sounded when it ended → milliseconds of them that were heard. @type {Map<string, number>} */
  cut = new Map();
  /** @type {Microphone | null} */
  microphone = null;
  #asked = new Asked();
  #store;
  #muted = false;

  /**
   * @param {'webrtc' | 'websocket'} transport
   * @param {import("../see/event_store.js").EventStore} store
   */
  constructor(transport, store) {
    super();
    this.transport = transport;
    this.#store = store;
  }

  get muted() {
    return this.#muted;
  }

  /** @param {boolean} muted The server hears silence from here on. */
  setMuted(muted) {
    this.#muted = muted;
    this.microphone?.setMuted(muted);
    this.dispatchEvent(new Event("status"));
  }

  /** Whether an answer is asked for, and the server may not have said so yet, or is made. */
  get awaited() {
    return this.responding.size > 0 || this.#asked.pending;
  }

  /** Whether an answer is asked for, is made or sounds. */
  get answering() {
    return this.status === "open" && (this.playing || this.awaited);
  }

  /** @returns {number} Root mean square of what the microphone hears, 0–1. */
  micLevel() {
    return this.microphone?.level() ?? 0;
  }

  /**
   * Send an event.
   *
   * @param {RealtimeEvent} event
   */
  send(event) {
    if (this.status !== "open") return;
    const sent = this.#asked.send(event);
    const text = JSON.stringify(sent);
    this.transmit(text);
    this.#store.add("sent", withoutAudio(sent), performance.now(), text.length);
    if (sent.type === "response.create") this.dispatchEvent(new Event("status"));
  }

  /**
   * Stop the answer that is asked for, is made or sounds, because the reader does something else.
   */
  interrupt() {
    if (this.awaited) this.send({ type: "response.cancel" });
    this.#asked.forget(this.responding);
    this.silence();
  }

  /**
   * @protected
   * @param {string} responseId
   * @returns {boolean} Whether the reader has stopped this answer.
   */
  isUnwanted(responseId) {
    return this.#asked.unwanted.has(responseId);
  }

  /** Whether more may come of an answer that the reader has stopped. @protected */
  get stopping() {
    return this.#asked.stopping || [...this.responding].some((id) => this.isUnwanted(id));
  }

  /**
   * The server sent something: log it, and tell who listens.
   *
   * @protected
   * @param {string} text
   */
  took(text) {
    const at = performance.now();
    const event = /** @type {RealtimeEvent} */ (JSON.parse(text));
    this.#store.add("received", withoutAudio(event), at, text.length);
    if (event.session) this.session = event.session;
    if (event.type === "response.created") this.responding.add(event.response.id);
    if (event.type === "response.done") this.responding.delete(event.response.id);
    if (event.type === "response.content_part.added") this.spoken ||= event.part.type === "audio";
    if (event.type === "input_audio_buffer.speech_started") this.speaking = true;
    if (/^input_audio_buffer\.(speech_stopped|committed|cleared)$/.test(event.type)) {
      this.speaking = false;
    }
    const again = this.#asked.take(event);
    this.received(event);
    this.dispatchEvent(new CustomEvent("event", { detail: event }));
    for (const request of again) this.send(request);
    return event;
  }

  /**
   * @protected
   * @param {Status} status
   */
  become(status) {
    this.status = status;
    this.dispatchEvent(new Event("status"));
  }

  /**
   * @protected
   * @param {Ended} ended
   */
  finish(ended) {
    if (this.status === "closed") return;
    this.responding.clear();
    this.ended = ended;
    this.become("closed");
    this.dispatchEvent(new CustomEvent("closed", { detail: ended }));
  }

  /**
   * @protected
   * @param {Microphone | null} microphone
   */
  adopt(microphone) {
    this.microphone = microphone;
    microphone?.setMuted(this.#muted);
  }

  // What each transport does in its own way.

  /** @protected @param {string} _text */
  transmit(_text) {}

  /** @protected @param {RealtimeEvent} _event */
  received(_event) {}

  /** Stop what sounds, and let the server know how much was heard. */
  silence() {}

  close() {}

  /**
   * Hear the reader from now on.
   *
   * @param {Microphone | null} _microphone
   * @returns {Promise<void>}
   */
  async setMicrophone(_microphone) {}

  /**
   * Only while this is true does the server hear the microphone; at first it does not.
   *
   * @param {boolean} _listening
   * @returns {Promise<void>} Done when what was heard until now has been sent.
   */
  async setListening(_listening) {}

  /** @param {string} _device Id of a loudspeaker; empty: the browser's default. */
  async setLoudspeaker(_device) {}

  /** @returns {boolean} Whether an answer sounds, or will at once. */
  get playing() {
    return false;
  }

  /** @returns {number} Bytes that one event may have. */
  get messageLimit() {
    return 4 * 1024 * 1024;
  }

  /** @returns {number} Root mean square, 0–1. */
  speakerLevel() {
    return 0;
  }

  /**
   * @param {string} _itemId
   * @returns {number} Milliseconds of the item that came out of the loudspeaker.
   */
  heardMs(_itemId) {
    return 0;
  }

  /** @returns {Promise<Stats>} */
  async stats() {
    throw new Error("every transport has its own");
  }
}
