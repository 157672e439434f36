/**
 * The programs to copy: one at a time, chosen by name.
 */

import { h } from "../dom.js";
import { copyButton } from "../see/copying.js";
import { t } from "../texts.js";
import { snippets } from "./snippets.js";

/** @typedef {import('./addresses.js').Addresses} Addresses */
/** @typedef {import('./snippets.js').Name} Name */

/**
 * @param {HTMLElement} root
 * @param {() => {addresses: Addresses, keys: boolean, webrtc: boolean}} server What is known of the server now.
 * @returns {() => void} Shows the programs anew.
 */
export function mount(root, server) {
  const note = h("p", { class: "begin-note" });
  const choices = h("div", { role: "group", class: "begin-choices", label: "begin.code.choose" });
  const code = h("code");
  const shown = h("pre", { tabIndex: 0, role: "region", label: "begin.code" }, code);
  const copy = copyButton("begin.copy", () => code.textContent ?? "");
  root.append(note, choices, shown, copy);

  /** @type {Name} */
  let chosen = "python";

  const show = () => {
    const { addresses, keys, webrtc } = server();
    const programs = snippets(addresses, { keys, webrtc }, t("begin.hello"));
    const program = programs.find(({ name }) => name === chosen) ?? programs[0];
    note.textContent = [
      addresses.base === null ? t("begin.no_sdk") : "",
      keys ? t("begin.needs_key") : "",
    ]
      .join(" ")
      .trim();
    note.hidden = !note.textContent;
    const focused = choices.contains(document.activeElement);
    choices.replaceChildren(
      ...programs.map(({ name }) => {
        const pressed = String(name === program?.name);
        const choose = () => {
          chosen = name;
          show();
        };
        return h("button", {
          type: "button",
          text: `begin.code.${name}`,
          "aria-pressed": pressed,
          onclick: choose,
        });
      }),
    );
    code.textContent = program?.code.trimEnd() ?? "";
    const [pressed] = choices.querySelectorAll("button[aria-pressed=true]");
    if (focused && pressed instanceof HTMLElement) pressed.focus();
  };
  return show;
}
