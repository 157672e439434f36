/**
 * Typed text and pictures: written, pasted, dropped or chosen.
 */

import { h } from "../dom.js";
import { icon } from "./icons.js";
import { NoPicture, dataUrl } from "./pictures.js";

/**
 * @param {HTMLElement} root
 * @param {import('../app.js').App} app
 */
export function mount(root, app) {
  /** @type {string[]} Data URLs. */
  let pictures = [];
  const text = h("textarea", { id: "text", rows: 1, label: "type_here", hint: "type_here" });
  const thumbnails = h("ul", { class: "thumbnails", label: "pictures" });
  const file = h("input", { type: "file", accept: "image/*", multiple: true, hidden: true });
  const send = h("button", { id: "send", class: "primary icon-only", label: "send", tip: "send" });
  send.append(icon("send"));
  const attach = h("button", {
    id: "attach",
    type: "button",
    class: "icon-only",
    label: "attach",
    tip: "attach",
    onclick: () => file.click(),
  });
  attach.append(icon("picture"));

  const render = () => {
    thumbnails.hidden = pictures.length === 0;
    thumbnails.replaceChildren(
      ...pictures.map((src, index) => {
        const remove = h("button", {
          type: "button",
          label: "picture_remove",
          onclick: () => {
            pictures = pictures.filter((_, other) => other !== index);
            render();
            text.focus();
          },
        });
        remove.append("×");
        return h("li", {}, h("img", { src, alt: "" }), remove);
      }),
    );
  };

  /** @param {Iterable<File>} files */
  const take = async (files) => {
    for (const one of files) {
      if (refusesPictures(app) || !one.type.startsWith("image/")) {
        const words = refusesPictures(app) ? "pictures_refused" : "picture_is_none";
        app.notices.show({ id: "picture", kind: "warn", text: words, values: { name: one.name } });
        continue;
      }
      try {
        // A conversation that begins with a picture may become a call, whose limit is known to be this.
        const limit = Math.min(app.link?.messageLimit ?? Infinity, limitOf(app));
        pictures = [...pictures, await dataUrl(one, limit)];
      } catch (error) {
        if (!(error instanceof NoPicture)) throw error;
        app.notices.show({
          id: "picture",
          kind: "warn",
          text: "picture_unreadable",
          values: { name: one.name },
        });
      }
    }
    render();
    text.focus();
  };
  file.addEventListener("change", () => void take(file.files ?? []).then(() => (file.value = "")));

  const say = () => {
    const words = text.value.trim();
    if (!words && !pictures.length) return;
    if (pictures.length && refusesPictures(app)) {
      app.notices.show({ id: "picture", kind: "warn", text: "pictures_refused" });
      return;
    }
    const shown = pictures;
    app.notices.drop("picture", "tap");
    text.value = "";
    pictures = [];
    render();
    void app.talk.say(words, shown);
  };
  // What did not get to the server is here again, before what was typed since.
  app.talk.addEventListener("unsent", (event) => {
    const { text: words, images } = /** @type {CustomEvent} */ (event).detail;
    text.value = [words, text.value].filter(Boolean).join("\n");
    pictures = [...images, ...pictures];
    render();
  });
  text.addEventListener("keydown", (event) => {
    // While a word is being composed (Chinese, Japanese), Enter chooses it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    say();
  });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length) return;
    event.preventDefault();
    void take(files);
  });
  document.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const files = event.dataTransfer?.files;
    if (!files?.length) return;
    event.preventDefault();
    void take(files);
  });
  render();
  root.append(
    h(
      "form",
      {
        class: "composer",
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          say();
        },
      },
      thumbnails,
      h("div", { class: "composer-row" }, file, attach, text, send),
    ),
  );
}

/** @param {import('../app.js').App} app */
function refusesPictures(app) {
  return app.stack?.limits.includes("images") ?? false;
}

/** Bytes that the event with a picture may have. @param {import('../app.js').App} app */
function limitOf(app) {
  return app.talk.transport === "webrtc" ? 262144 : 4 * 1024 * 1024;
}
