/**
 * Tells a screen reader the conversation, by a live region: finished sentences, once each.
 */

import { t } from "../texts.js";
import { finishedSentences } from "./sentences.js";

/** @typedef {import('./turns.js').Turn} Turn */

/** Sentences that the region keeps: those before were read long ago. */
const KEPT = 20;
/** Notes that the page's notices announce. */
const ANNOUNCED = ["see.note.error", "see.note.refused", "see.note.failed"];

export class Spoken {
  #region;
  /** Characters of each turn that were told. @type {Map<string, number>} */
  #told = new Map();

  /** @param {HTMLElement} region */
  constructor(region) {
    this.#region = region;
  }

  /**
   * Tell what is new and finished of a turn.
   * @param {Turn} turn
   */
  tell(turn) {
    const before = this.#told.get(turn.id) ?? 0;
    if (turn.kind === "note") {
      if (before === 0 && !ANNOUNCED.includes(turn.text)) this.#say(t(turn.text, turn.values));
      this.#told.set(turn.id, 1);
      return;
    }
    if (turn.kind === "call") {
      const steps = turn.output === null ? 1 : 2;
      if (before < 1) this.#say(t("see.said.calls", { name: turn.name }));
      if (before < 2 && steps === 2) this.#say(t("see.said.result", { text: turn.output ?? "" }));
      this.#told.set(turn.id, steps);
      return;
    }
    const words = turn.parts.map((part) => (part.type === "image" ? "" : part.text)).join(" ");
    const { sentences, told } = finishedSentences(words, before, turn.progress === "done");
    this.#told.set(turn.id, told);
    if (sentences && !turn.cut) {
      this.#say(before ? sentences : `${t(`see.who.${turn.role}`)}: ${sentences}`);
    }
  }

  /** @param {string} text */
  #say(text) {
    const line = document.createElement("p");
    line.textContent = text;
    this.#region.append(line);
    while (this.#region.childElementCount > KEPT) this.#region.firstElementChild?.remove();
  }
}
