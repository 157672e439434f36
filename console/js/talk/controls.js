/**
 * What the reader talks with: begin and end, mute, push-to-talk, and what the line is doing now.
 */

import { h } from "../dom.js";
import { tell } from "../texts.js";
import * as callForms from "./call_forms.js";
import * as composer from "./composer.js";
import { icon } from "./icons.js";
import { meter } from "./meters.js";

/** @typedef {import('../app.js').App} App */

/** Elements to which the space bar belongs. */
const FIELDS = "input, textarea, select, button, summary, a, [role=tab], [contenteditable]";

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function mount(root, app) {
  const forms = h("div", { class: "calls" });
  const writing = h("div");
  callForms.mount(forms, app);
  composer.mount(writing, app);
  root.append(forms, dock(app), writing);
  space(app);
  escape(app);
}

/** @param {App} app */
function dock(app) {
  const { talk } = app;
  const startWords = h("span");
  const startIcon = h("span", {}, icon("microphone"));
  const start = button("start", "primary", () => void talk.start(), startIcon, startWords);
  const muteIcon = h("span", {}, icon("microphone"));
  const muteWords = h("span");
  const mute = button("mute", "", () => talk.setMuted(!talk.muted), muteIcon, muteWords);
  const end = button("end", "", () => talk.stop(), icon("end"), h("span", { text: "end" }));
  const stop = h("button", {
    id: "stop-answer",
    type: "button",
    class: "icon-only",
    label: "stop_answer",
    tip: "stop_answer",
    onclick: () => talk.stopAnswer(),
  });
  stop.append(icon("stop"));
  const hold = holdButton(app);
  const phase = h("p", { class: "phase" });
  const orb = h("div", { class: "orb", "aria-hidden": "true" });
  const buttons = [start, hold, stop, mute, end];
  const render = () => {
    const focused = document.activeElement;
    const { status } = talk;
    const open = status === "open";
    const hearing = open && talk.microphone !== null;
    const begins = talk.resumable ? "go_on" : "start";
    tell(startWords, status === "connecting" ? "connecting" : open ? "use_microphone" : begins);
    start.hidden = hearing;
    startIcon.hidden = talk.resumable && !talk.spoken;
    // To begin is what the page is for; a microphone on top of typing is not.
    start.classList.toggle("primary", !open);
    // It keeps the focus meanwhile, so it is not disabled: another click does nothing.
    start.setAttribute("aria-disabled", String(status === "connecting"));
    start.setAttribute("aria-busy", String(status === "connecting"));
    hold.hidden = !hearing || !talk.byHand;
    hold.setAttribute("aria-pressed", String(talk.held));
    stop.hidden = !talk.answering;
    mute.hidden = !hearing;
    mute.setAttribute("aria-pressed", String(talk.muted));
    muteIcon.replaceChildren(icon(talk.muted ? "muted" : "microphone"));
    tell(muteWords, "mute");
    end.hidden = status === "idle";
    orb.dataset.phase = talk.phase;
    orb.hidden = !open;
    tell(phase, `phase_${talk.phase}`, {
      transport: talk.transport === "webrtc" ? "WebRTC" : "WebSocket",
    });
    // Whoever uses the keyboard goes on where the button was that went.
    const gone = buttons.some((one) => one === focused && one.hidden);
    if (gone) buttons.find((one) => !one.hidden)?.focus();
  };
  talk.addEventListener("changed", render);
  for (const name of ["link", "state", "settings"]) app.addEventListener(name, render);
  render();
  return h(
    "div",
    { class: "dock" },
    modes(app),
    h("div", { class: "stage-buttons" }, orb, ...buttons),
    phase,
    h(
      "div",
      { class: "meters" },
      meter("meter_microphone", () => app.link?.micLevel() ?? 0, orb, app),
      meter("meter_loudspeaker", () => app.link?.speakerLevel() ?? 0, null, app),
    ),
  );
}

/**
 * @param {string} id
 * @param {string} look
 * @param {() => void} onclick
 * @param {...Node} children
 */
function button(id, look, onclick, ...children) {
  return h("button", { id, type: "button", class: look, onclick }, ...children);
}

/**
 * It is held with a finger, a mouse, or a key.
 *
 * @param {App} app
 */
function holdButton({ talk }) {
  const hold = h("button", { id: "hold", type: "button", class: "primary hold" });
  hold.append(icon("microphone"), h("span", { text: "hold" }));
  hold.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    hold.setPointerCapture(event.pointerId);
    void talk.hold();
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    hold.addEventListener(name, () => void talk.release());
  }
  hold.addEventListener("contextmenu", (event) => event.preventDefault());
  hold.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (!event.repeat) void talk.hold();
  });
  hold.addEventListener("keyup", (event) => {
    if (event.key === " " || event.key === "Enter") void talk.release();
  });
  hold.addEventListener("blur", () => void talk.release());
  return hold;
}

/**
 * The space bar talks wherever it does not write or press something else.
 *
 * @param {App} app
 */
function space({ talk }) {
  const elsewhere = (/** @type {KeyboardEvent} */ event) =>
    event.key !== " " || (event.target instanceof Element && event.target.closest(FIELDS));
  document.addEventListener("keydown", (event) => {
    // Held on over a field or a button that was clicked meanwhile, it neither writes nor presses.
    if (event.key === " " && event.repeat && talk.held) event.preventDefault();
    if (elsewhere(event) || !talk.byHand || talk.status !== "open") return;
    event.preventDefault();
    if (!event.repeat) void talk.hold();
  });
  // Wherever the focus has gone since it was pressed, the turn is over.
  document.addEventListener("keyup", (event) => {
    if (event.key === " " || event.code === "Space") void talk.release();
  });
  window.addEventListener("blur", () => void talk.release());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) void talk.release();
  });
}

/** It stops the answer, where it closes nothing else. @param {App} app */
function escape({ talk }) {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || event.defaultPrevented) return;
    if (event.target instanceof Element && event.target.closest("select, .event-detail")) return;
    talk.stopAnswer();
  });
}

/** Hands-free or push-to-talk. @param {App} app */
function modes(app) {
  /** How turns were detected before they were made by hand. @type {App["settings"]["turns"]} */
  let detected = "server_vad";
  const choices = [
    { id: "hands-free", text: "mode_hands_free", byHand: false },
    { id: "push-to-talk", text: "mode_push_to_talk", byHand: true },
  ];
  const inputs = choices.map(({ id, byHand }) => {
    const choose = () => app.changeSettings({ turns: byHand ? "push_to_talk" : detected });
    return h("input", { type: "radio", name: "mode", id, class: "unseen", onchange: choose });
  });
  const render = () => {
    if (!app.talk.byHand) detected = app.settings.turns;
    for (const [index, input] of inputs.entries()) {
      input.checked = choices[index]?.byHand === app.talk.byHand;
    }
  };
  app.addEventListener("settings", render);
  render();
  const labels = choices.map(({ id, text }) => h("label", { for: id, text }));
  return h(
    "div",
    { class: "segments", role: "radiogroup", label: "modes" },
    ...inputs.flatMap((input, index) => [input, /** @type {Node} */ (labels[index])]),
  );
}
