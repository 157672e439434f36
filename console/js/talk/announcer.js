/**
 * Says finished sentences to those who cannot see them: a polite live region, not the stream of
 * words.
 */

import { h } from "../dom.js";
import { t } from "../texts.js";

/** Sentences that are kept: readers of a screen read what is added, not what was. */
const KEPT = 20;

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} app
 */
export function mount(root, app) {
  /**
   * @param {string} text
   */
  const say = (text) => {
    root.append(h("p", {}, text));
    while (root.children.length > KEPT) root.firstElementChild?.remove();
  };
  app.addEventListener("link", () => {
    app.link?.addEventListener("event", (message) => {
      const event = /** @type {CustomEvent} */ (message).detail;
      if (event.type === "conversation.item.input_audio_transcription.completed") {
        if (event.transcript) say(t("said_by_you", { text: event.transcript }));
      } else if (event.type === "response.output_audio_transcript.done") {
        say(t("said_by_server", { text: event.transcript }));
      } else if (event.type === "response.output_text.done") {
        say(t("said_by_server", { text: event.text }));
      }
    });
  });
}
