/**
 * The conversation as it streams, made of the events of both directions: who said what, what was
 * called, what was cut and what failed. Without a page, so that it can be tried without one.
 */

import { audioMs } from "./audio_length.js";
import { PACE, heardCharacters, paceOf } from "./heard_words.js";
import { faultOf, info, outcomeOf, problem } from "./outcomes.js";
import { TurnList } from "./turn_list.js";
import { audioPart, contents, message, toolCall } from "./turns.js";

/** @typedef {import('./event_store.js').WireEvent} WireEvent */
/** @typedef {import('./event_store.js').Direction} Direction */
/** @typedef {import('./turns.js').Turn} Turn */
/** @typedef {import('./turns.js').Message} Message */
/** @typedef {import('./turns.js').Call} Call */
/** @typedef {import('./turns.js').Note} Note */
/** @typedef {import('./outcomes.js').Told} Told */

/** Turns that are kept. */
export const KEPT = 500;

export class Dialogue {
  #list = new TurnList();
  /** Letters a second of the voice, as its last answer told it. */
  #pace = PACE;
  /** Pictures that were sent, by item: an echo may be too large to have them. @type {Map<string, string[]>} */
  #pictures = new Map();
  /** What was sent under which id: errors name that. @type {Map<string, string>} */
  #sent = new Map();
  #notes = 0;

  /**
   * Take an event; returns the turns that it changed.
   * @param {Direction} direction
   * @param {WireEvent} event
   * @returns {Turn[]}
   */
  take(direction, event) {
    if (direction === "sent") return this.#takeSent(event);
    const taken = this.#takeReceived(event);
    const changed = Array.isArray(taken) ? taken : taken ? [taken] : [];
    return this.turns.length > KEPT ? [...changed, ...this.#list.forget(KEPT)] : changed;
  }

  /** In the order in which they are read. */
  get turns() {
    return this.#list.turns;
  }

  /**
   * Milliseconds of an answer's sound; 0: not known yet.
   * @param {Message} message
   */
  soundMs(message) {
    const over = message.progress === "done";
    return over ? message.parts.reduce((sum, part) => sum + part.soundMs, 0) : 0;
  }

  /**
   * How many characters of an answer were heard by then.
   * @param {Message} message
   * @param {number} ms Milliseconds of its sound.
   */
  heard(message, ms) {
    const part = message.parts.find((each) => each.type === "audio");
    if (!part) return 0;
    const complete = message.progress === "done" && message.complete;
    return heardCharacters({ words: part.text, soundMs: part.soundMs, complete }, ms, this.#pace);
  }

  /** @param {WireEvent} event @returns {Turn[]} */
  #takeSent(event) {
    if (event.event_id) this.#sent.set(event.event_id, event.type);
    if (event.type === "conversation.item.create" && event.item?.id) {
      const pictures = contents(event.item).filter((part) => part.type === "input_image");
      if (pictures.length)
        this.#pictures.set(
          event.item.id,
          pictures.map((part) => String(part.image_url)),
        );
    }
    return [];
  }

  /** @param {WireEvent} event @returns {Turn | Turn[] | null} */
  #takeReceived(event) {
    switch (event.type) {
      case "session.created":
        return this.#note(info("see.note.session", { id: event.session?.id ?? "" }));
      case "input_audio_buffer.speech_started":
        return this.#listened(event.item_id, "listening");
      case "input_audio_buffer.speech_stopped":
      case "input_audio_buffer.committed":
        return this.#listened(event.item_id, "waiting");
      case "input_audio_buffer.cleared":
        return this.#forgetUnfinished();
      case "input_audio_buffer.timeout_triggered":
        return this.#note(info("see.note.idle"));
      case "conversation.item.added":
      case "conversation.item.done":
      case "response.output_item.added":
      case "response.output_item.done":
        return this.#item(event);
      case "conversation.item.input_audio_transcription.delta":
        return this.#transcribed(event.item_id, event.delta, false);
      case "conversation.item.input_audio_transcription.completed":
        return this.#transcribed(event.item_id, event.transcript, true);
      case "conversation.item.input_audio_transcription.failed":
        return this.#notTranscribed(event);
      case "conversation.item.truncated":
        return this.#truncated(event.item_id, event.audio_end_ms);
      case "conversation.item.deleted":
        return this.#list.remove(event.item_id);
      case "response.output_text.delta":
        return this.#written(event, "text");
      case "response.output_audio_transcript.delta":
        return this.#written(event, "audio");
      case "response.output_audio.delta":
        return this.#sounded(event);
      case "response.function_call_arguments.delta":
      case "response.mcp_call_arguments.delta":
        return this.#called(event.item_id, (call) => (call.arguments += event.delta));
      case "response.function_call_arguments.done":
      case "response.mcp_call_arguments.done":
        return this.#called(event.item_id, (call) => (call.arguments = event.arguments));
      case "response.done":
        return this.#responseDone(event.response ?? {});
      case "error":
        return this.#noted(faultOf(event.error ?? {}, this.#sent.get(event.error?.event_id)));
      default:
        return null;
    }
  }

  /** @param {Told} told */
  #note(told) {
    const id = `note_${this.#notes++}`;
    return this.#list.place(/** @type {Note} */ ({ kind: "note", id, ...told }));
  }

  /** @param {Told | null} told */
  #noted(told) {
    return told && this.#note(told);
  }

  /** Speech that was dropped is no turn. */
  #forgetUnfinished() {
    const gone = this.turns.filter(
      (turn) => turn.kind === "message" && turn.progress === "listening",
    );
    return gone.flatMap((turn) => this.#list.remove(turn.id));
  }

  /** @param {string} id @param {'listening' | 'waiting'} progress */
  #listened(id, progress) {
    const turn = this.#list.find(id) ?? this.#list.place(message(id, "user"));
    if (turn.kind === "message" && turn.progress !== "done") turn.progress = progress;
    return turn;
  }

  /** @param {WireEvent} event */
  #item(event) {
    const item = event.item ?? {};
    const known = this.#list.find(item.id);
    const final = event.type.endsWith(".done");
    if (item.type === "function_call" || item.type === "mcp_call") {
      const call =
        known?.kind === "call" ? known : this.#list.place(toolCall(item), event.previous_item_id);
      call.arguments = item.arguments || call.arguments;
      if (final) call.progress = "done";
      // The server runs it, and tells with the call what came of it (`docs/wire.md` §B.13).
      if (final && item.type === "mcp_call") call.output = item.output ?? item.error?.message ?? "";
      return call;
    }
    if (item.type === "function_call_output") return this.#result(item);
    if (item.type !== "message") return null;
    const turn =
      known?.kind === "message"
        ? known
        : this.#list.place(message(item.id, item.role), event.previous_item_id);
    if (!turn.cut) this.#contents(turn, item);
    if (final && turn.role === "assistant") {
      turn.progress = "done";
      turn.complete = item.status !== "incomplete";
    } else if (final && turn.parts.every((part) => part.type !== "audio")) turn.progress = "done";
    return turn;
  }

  /** @param {Message} turn @param {WireEvent} item */
  #contents(turn, item) {
    const pictures = this.#pictures.get(item.id) ?? [];
    contents(item).forEach((content, index) => {
      const part = (turn.parts[index] ??= { type: "text", text: "", soundMs: 0 });
      if (content.type === "input_image") {
        part.type = "image";
        part.text = content.image_url || part.text || (pictures.shift() ?? "");
      } else if (content.type === "input_audio" || content.type === "output_audio") {
        part.type = "audio";
        part.text = content.transcript || part.text;
      } else part.text = content.text || part.text;
    });
  }

  /** @param {WireEvent} item */
  #result(item) {
    const call = this.turns.find((turn) => turn.kind === "call" && turn.callId === item.call_id);
    if (call?.kind !== "call") return null;
    call.output = String(item.output ?? "");
    return call;
  }

  /** @param {string} id @param {string} text @param {boolean} whole */
  #transcribed(id, text, whole) {
    const turn = this.#list.find(id) ?? this.#list.place(message(id, "user"));
    if (turn.kind !== "message") return null;
    const part = audioPart(turn);
    part.text = whole ? text : part.text + text;
    if (whole) turn.progress = "done";
    return turn;
  }

  /** @param {WireEvent} event */
  #notTranscribed(event) {
    const turn = this.#list.find(event.item_id);
    if (turn?.kind === "message") turn.progress = "done";
    const message = event.error?.message ?? "";
    const note = this.#note(problem("see.note.not_transcribed", { message }));
    return turn ? [turn, note] : note;
  }

  /** @param {WireEvent} event @param {'text' | 'audio'} type */
  #written(event, type) {
    const turn =
      this.#list.find(event.item_id) ?? this.#list.place(message(event.item_id, "assistant"));
    // What is still written of an answer that was cut is not heard and not part of it.
    if (turn.kind !== "message" || turn.cut) return null;
    const part = (turn.parts[event.content_index ?? 0] ??= { type, text: "", soundMs: 0 });
    part.type = type;
    part.text += event.delta;
    turn.progress = "streaming";
    return turn;
  }

  /** @param {WireEvent} event */
  #sounded(event) {
    const turn = this.#list.find(event.item_id);
    if (turn?.kind === "message") audioPart(turn).soundMs += audioMs(event.delta);
    return null;
  }

  /** @param {string} id @param {(call: Call) => void} change */
  #called(id, change) {
    const call = this.#list.find(id);
    if (call?.kind !== "call") return null;
    change(call);
    return call;
  }

  /** @param {string} id @param {number} ms */
  #truncated(id, ms) {
    const turn = this.#list.find(id);
    if (turn?.kind !== "message") return null;
    turn.cut = { ms, heard: this.heard(turn, ms) };
    return turn;
  }

  /** @param {WireEvent} response */
  #responseDone(response) {
    const outcome = outcomeOf(response);
    return [...this.#measure(response), ...(outcome ? [this.#note(outcome)] : [])];
  }

  /**
   * The length of an answer whose sound came by another way is told by its tokens: one is 50 ms.
   * @param {WireEvent} response
   * @returns {Turn[]}
   */
  #measure(response) {
    const turns = /** @type {Message[]} */ (
      (response.output ?? [])
        .map((/** @type {WireEvent} */ item) => this.#list.find(item.id))
        .filter((/** @type {Turn | undefined} */ turn) => turn?.kind === "message")
    );
    const spoken = turns.filter((turn) => turn.parts.some((part) => part.type === "audio"));
    const tokens = response.usage?.output_token_details?.audio_tokens ?? 0;
    if (spoken.length === 1 && !spoken[0].cut) {
      const part = audioPart(spoken[0]);
      part.soundMs ||= tokens * 50;
      const said = {
        words: part.text,
        soundMs: part.soundMs,
        complete: response.status === "completed",
      };
      this.#pace = paceOf(said) ?? this.#pace;
    }
    return turns;
  }
}
