/**
 * When what happened in each turn, from the end of the user's speech to the first sound of the
 * answer, made of the log's events. Without a page, so that it can be tried without one.
 */

import { audioMs } from "./audio_length.js";
import { SentAudio } from "./sent_audio.js";
import { SpeechLog } from "./speech_log.js";

/** @typedef {import('./event_store.js').Entry} Entry */
/** @typedef {import('./event_store.js').WireEvent} WireEvent */

/** The moments of a turn, in the order in which they usually come. */
export const MOMENTS = /** @type {const} */ ([
  "start",
  "silence",
  "committed",
  "transcript",
  "text",
  "audio",
  "heard",
]);

/** @typedef {typeof MOMENTS[number]} Moment */

/**
 * @typedef {object} Turn
 * @property {number} number Counted from 1.
 * @property {'speech' | 'button' | 'typed'} kind How it began: detected speech, speech that the
 *   client committed, or anything else that was answered.
 * @property {string | null} itemId
 * @property {string | null} responseId
 * @property {Partial<Record<Moment, number>>} at In ms of `performance.now()`. `start` is the end of
 *   speech, or when the answer was asked for; `silence` is the end of the silence that ended a turn.
 * @property {number | null} silenceMs Silence behind the speech that ended it; null: none did.
 * @property {boolean} reckoned Whether `start` is reckoned from when the server told the end of speech,
 *   because the page does not know when it sent that part of the audio.
 * @property {string | null} status How the response ended.
 */

/**
 * A stage: from one moment to the next that there is.
 * @typedef {{moment: Exclude<Moment, 'start'>, from: number, to: number}} Stage In ms from `start`.
 */

/** Where a turn ended in the session's audio, and when the server told it. @typedef {{endMs: number, at: number}} End */

/** Turns that are kept. */
const KEPT = 20;
/** Silence behind which the turn detector judges a pause, in ms: the least that ends such a turn. */
const JUDGED_MS = 200;
const WINDOW_MS = 32;

export class Timeline {
  /**
   * The last turns, oldest first.
   * @type {Turn[]}
   */
  turns = [];
  #count = 0;
  #speech = new SpeechLog();
  #sent = new SentAudio();
  /** @type {WireEvent | null} */
  #detection = null;
  /** When the client last committed, or asked for an answer. @type {{commit?: number, create?: number}} */
  #asked = {};

  /** @param {Entry} entry */
  take({ direction, event, at }) {
    if (direction === "sent") this.#takeSent(event, at);
    else this.#takeReceived(event, at);
  }

  /**
   * The first sound of an answer came out of the loudspeaker.
   * @param {string} responseId
   * @param {number} at In ms of `performance.now()`.
   */
  heard(responseId, at) {
    const turn = this.#answered(responseId);
    if (turn) turn.at.heard ??= at;
  }

  /** @param {WireEvent} event @param {number} at */
  #takeSent({ type, audio }, at) {
    if (type === "input_audio_buffer.append") this.#sent.add(audioMs(audio), at);
    else if (type === "input_audio_buffer.commit") this.#asked.commit = at;
    else if (type === "response.create") this.#asked.create = at;
  }

  /** @param {WireEvent} event @param {number} at */
  #takeReceived(event, at) {
    switch (event.type) {
      case "session.created":
      case "session.updated":
        if (event.type === "session.created") this.#sent.begin();
        this.#detection = event.session?.audio?.input?.turn_detection ?? null;
        return;
      case "console.turn_detection":
        this.#speech.take(event);
        return this.#refine();
      case "input_audio_buffer.speech_stopped":
        return this.#stopped(event, at);
      case "input_audio_buffer.committed":
        return this.#committed(event.item_id, at);
      case "conversation.item.input_audio_transcription.completed":
      case "conversation.item.input_audio_transcription.failed":
        return this.#mark(this.#of(event.item_id), "transcript", at);
      case "response.created":
        return this.#created(event.response?.id, at);
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta":
      case "response.function_call_arguments.delta":
      case "response.mcp_call_arguments.delta":
        return this.#mark(this.#answered(event.response_id), "text", at);
      case "response.output_audio.delta":
      case "output_audio_buffer.started":
        return this.#mark(this.#answered(event.response_id), "audio", at);
      case "response.done": {
        const turn = this.#answered(event.response?.id);
        if (turn) turn.status = event.response?.status ?? null;
      }
    }
  }

  /** @param {WireEvent} event @param {number} at */
  #stopped(event, at) {
    const turn = this.#begin("speech", event.item_id);
    const end = { endMs: event.audio_end_ms, at };
    this.#place(turn, end, this.#speech.silenceBefore(end.endMs) ?? this.#silence());
    this.#ends.set(turn, end);
  }

  /**
   * @param {Turn} turn
   * @param {End} end
   * @param {number} silence
   */
  #place(turn, { endMs, at }, silence) {
    const heard = this.#sent.heardAt(endMs - silence);
    turn.reckoned = heard === null;
    turn.silenceMs = silence;
    turn.at.start = heard ?? at - silence;
    turn.at.silence = turn.at.start + silence;
  }

  /** Ends of speech whose silence may still be told exactly. @type {Map<Turn, End>} */
  #ends = new Map();

  /** The server's observations come behind its events: with them the end of speech is known exactly. */
  #refine() {
    for (const [turn, end] of this.#ends) {
      const silence = this.#speech.silenceBefore(end.endMs);
      if (silence === null) continue;
      this.#place(turn, end, silence);
      this.#ends.delete(turn);
    }
  }

  /** Milliseconds of silence that end a turn, by the session's settings. */
  #silence() {
    const asked = this.#detection?.silence_duration_ms;
    if (typeof asked !== "number") return JUDGED_MS;
    return Math.max(1, Math.ceil(asked / WINDOW_MS)) * WINDOW_MS;
  }

  /** @param {string} itemId @param {number} at */
  #committed(itemId, at) {
    const known = this.#of(itemId);
    const turn = known ?? this.#begin("button", itemId);
    if (!known) turn.at.start = this.#asked.commit ?? at;
    turn.at.committed ??= at;
  }

  /** @param {string} responseId @param {number} at */
  #created(responseId, at) {
    const last = this.turns.at(-1);
    const waiting = last && last.responseId === null;
    const turn = waiting ? last : this.#begin("typed", null);
    turn.responseId = responseId;
    // A click on the button, or a result of a tool; what is asked for beside both is as good.
    if (!waiting) turn.at.start = this.#asked.create ?? at;
    this.#asked = {};
  }

  /** @param {Turn['kind']} kind @param {string | null} itemId */
  #begin(kind, itemId) {
    /** @type {Turn} */
    const turn = {
      number: ++this.#count,
      kind,
      itemId,
      responseId: null,
      at: {},
      silenceMs: null,
      reckoned: false,
      status: null,
    };
    this.turns.push(turn);
    if (this.turns.length > KEPT) this.#ends.delete(/** @type {Turn} */ (this.turns.shift()));
    return turn;
  }

  /** @param {string} itemId */
  #of(itemId) {
    return this.turns.find((turn) => turn.itemId === itemId);
  }

  /** @param {string} responseId */
  #answered(responseId) {
    return this.turns.find((turn) => turn.responseId === responseId);
  }

  /** @param {Turn | undefined} turn @param {Moment} moment @param {number} at */
  #mark(turn, moment, at) {
    if (turn) turn.at[moment] ??= at;
  }
}

/**
 * The stages of a turn, one behind the other. A moment that came before an earlier one of the order
 * adds nothing: another stage was slower.
 * @param {Turn} turn
 * @returns {Stage[]}
 */
export function stages(turn) {
  const start = turn.at.start ?? 0;
  /** @type {Stage[]} */
  const found = [];
  let from = 0;
  for (const moment of MOMENTS) {
    const at = turn.at[moment];
    if (moment === "start" || at === undefined) continue;
    const to = Math.max(from, at - start);
    found.push({ moment, from, to });
    from = to;
  }
  return found;
}

/**
 * Milliseconds from the start to the last moment of the answer; null: there is none, or not yet.
 * @param {Turn} turn
 */
export function total(turn) {
  const { text, audio, heard } = turn.at;
  return text === undefined && audio === undefined && heard === undefined ? null : extent(turn);
}

/**
 * Milliseconds from the start to the last moment that there is, whether or not it was answered.
 * @param {Turn} turn
 */
export function extent(turn) {
  return stages(turn).at(-1)?.to ?? 0;
}

/**
 * The middle of some numbers; null: there are none.
 * @param {number[]} numbers
 */
export function median(numbers) {
  if (!numbers.length) return null;
  const sorted = [...numbers].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
