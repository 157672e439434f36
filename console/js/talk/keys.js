/**
 * Asks for a key where the server wants one. The key itself is forgotten at once: kept, in memory
 * alone, is a client secret that can only talk.
 */

import { h } from "../dom.js";
import { tell } from "../texts.js";

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} app
 */
export function mount(root, app) {
  const field = h("input", {
    id: "api-key",
    type: "password",
    autocomplete: "off",
    required: true,
    "aria-describedby": "key-why key-problem",
  });
  const problem = h("p", { id: "key-problem", role: "alert", class: "problem" });
  const clear = () => {
    problem.removeAttribute("data-text");
    problem.textContent = "";
  };
  const form = h(
    "form",
    {
      class: "note info",
      hidden: true,
      onsubmit: async (/** @type {Event} */ event) => {
        event.preventDefault();
        const refusal = await app.server.enter(field.value.trim());
        if (!refusal?.keep) field.value = "";
        if (refusal) tell(problem, refusal.text, refusal.values);
        else clear();
      },
    },
    h("label", { for: "api-key", text: "key_label" }),
    h("div", { class: "talk-row" }, field, h("button", { class: "primary", text: "key_enter" })),
    h("p", { id: "key-why", class: "soft", text: "key_why" }),
    problem,
  );
  root.append(form);
  root.hidden = true;
  app.addEventListener("state", () => {
    root.hidden = form.hidden = app.reach !== "key";
  });
  app.addEventListener("key", () => {
    tell(problem, "key_first");
    field.focus();
  });
}
