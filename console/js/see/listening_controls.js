/**
 * The two settings that are set by looking: the threshold of speech, and the silence that ends a
 * turn. They are the same as among the settings; here they stand beside what they do.
 */

import { h } from "../dom.js";
import { tell } from "../texts.js";

/** @typedef {import('../app.js').App} App */

/** What the protocol has where neither the reader nor the server says another. */
const THRESHOLD = 0.5;
const SILENCE_MS = 500;

/**
 * @param {App} app
 * @param {() => void} moved Is called while a slider moves.
 */
export function turnSliders(app, moved) {
  const threshold = slider("threshold", { min: 0.05, max: 0.95, step: 0.05 });
  const silence = slider("silence", { min: 100, max: 2000, step: 50 });
  const sliders = h("div", { className: "scope-sliders" }, threshold.element, silence.element);
  const note = h("p", { className: "see-about" });
  const element = h("div", {}, sliders, note);
  const follow = () => {
    const { settings, stack } = app;
    const detected = settings.turns === "server_vad";
    sliders.hidden = !detected;
    note.hidden = detected;
    tell(note, `see.listening.${settings.turns}`);
    threshold.show(settings.threshold ?? stack?.vad?.threshold ?? THRESHOLD);
    silence.show(settings.silence ?? stack?.vad?.silence_duration_ms ?? SILENCE_MS);
    moved();
  };
  threshold.field.addEventListener("change", () => {
    app.changeSettings({ threshold: threshold.field.valueAsNumber });
  });
  silence.field.addEventListener("change", () => {
    app.changeSettings({ silence: silence.field.valueAsNumber });
  });
  for (const { field } of [threshold, silence]) field.addEventListener("input", moved);
  for (const change of ["settings", "state"]) app.addEventListener(change, follow);
  // Nothing is there to be drawn before the caller has made it.
  queueMicrotask(follow);
  return {
    element,
    /** From 0 to 1; that of the other kinds of turns is fixed. */
    get threshold() {
      return app.settings.turns === "server_vad" ? threshold.field.valueAsNumber : THRESHOLD;
    },
    /** Null: no fixed silence ends a turn. */
    get silenceMs() {
      return app.settings.turns === "server_vad" ? silence.field.valueAsNumber : null;
    },
  };
}

/**
 * @param {'threshold' | 'silence'} name
 * @param {{min: number, max: number, step: number}} range
 */
function slider(name, range) {
  const field = h("input", { type: "range", ...range });
  const value = h("output", {});
  const show = () => {
    value.textContent = name === "silence" ? `${field.value} ms` : field.valueAsNumber.toFixed(2);
    field.setAttribute("aria-valuetext", value.textContent);
  };
  field.addEventListener("input", show);
  const element = h("label", {}, h("span", { text: `see.listening.${name}` }), value, field);
  return {
    element,
    field,
    /** @param {number} set */
    show: (set) => {
      field.value = String(set);
      show();
    },
  };
}
