/**
 * The model's calls that wait for a result which the reader types.
 */

import { h } from "../dom.js";

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} app
 */
export function mount(root, app) {
  /** @type {Map<string, HTMLElement>} */
  const shown = new Map();
  app.talk.addEventListener("changed", () => {
    const open = new Map(app.talk.calls.open.map((call) => [call.callId, call]));
    for (const [id, element] of shown) {
      if (open.has(id)) continue;
      element.remove();
      shown.delete(id);
    }
    for (const [id, call] of open) {
      if (shown.has(id)) continue;
      const element = form(call, app);
      shown.set(id, element);
      root.append(element);
    }
  });
}

/**
 * @param {import("./tool_calls.js").Call} call
 * @param {import('../app.js').App} app
 */
function form({ callId, name, arguments: given }, app) {
  const id = `result-${callId}`;
  const field = h("textarea", { id, rows: 2, spellcheck: false });
  return h(
    "form",
    {
      class: "note info call",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        app.talk.answerCall(callId, field.value);
      },
    },
    h("p", {}, h("span", { text: "call_asks" }), " ", h("code", {}, `${name}(${given})`)),
    h("label", { for: id, text: "call_result" }),
    field,
    h("div", { class: "talk-row" }, h("button", { class: "primary", text: "call_send" })),
  );
}
