/**
 * What was said, as items with which another session goes on where the last one was lost. Of an answer
 * that was cut that is what was heard: nobody shall be asked about words that never sounded.
 */

import { Dialogue } from "../see/dialogue.js";

/** @typedef {import("./link.js").RealtimeEvent} RealtimeEvent */
/** @typedef {import("../see/turns.js").Message} Message */

export class History {
  #dialogue = new Dialogue();

  /** Another conversation begins. */
  begin() {
    this.#dialogue = new Dialogue();
  }

  /** @param {RealtimeEvent} event What the server sent. */
  take(event) {
    this.#dialogue.take("received", event);
  }

  /**
   * The connection ended, and with it what sounded.
   *
   * @param {ReadonlyMap<string, number>} cut Item → milliseconds of it that were heard.
   */
  end(cut) {
    for (const [item_id, audio_end_ms] of cut) {
      this.take({ type: "conversation.item.truncated", item_id, audio_end_ms });
    }
  }

  /** @returns {RealtimeEvent[]} Events that tell a new session of it, under the ids it had. */
  retold() {
    return this.#dialogue.turns.flatMap((turn) => {
      const text = turn.kind === "message" ? this.#said(turn) : "";
      if (turn.kind !== "message" || !text) return [];
      const { id, role } = turn;
      const part = { type: role === "assistant" ? "output_text" : "input_text", text };
      const item = { id, type: "message", role, content: [part] };
      return [{ type: "conversation.item.create", item }];
    });
  }

  /** @param {Message} turn */
  #said(turn) {
    return turn.parts
      .flatMap(({ type, text, soundMs }) => {
        if (type === "image") return [];
        if (type === "text" || turn.role !== "assistant") return [text];
        return [text.slice(0, this.#heard(turn, soundMs)).trimEnd()];
      })
      .filter(Boolean)
      .join("\n");
  }

  /**
   * How many characters of an answer were heard.
   *
   * @param {Message} turn
   * @param {number} soundMs Milliseconds of its sound that came.
   */
  #heard(turn, soundMs) {
    if (turn.cut) return turn.cut.heard;
    if (turn.progress === "done" && turn.complete) return Infinity;
    return this.#dialogue.heard(turn, soundMs);
  }
}
