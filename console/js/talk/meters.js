/**
 * How loud microphone and loudspeaker are, while there is a conversation.
 */

import { h } from "../dom.js";

/** Decibels below full scale at which a meter begins. */
const FLOOR_DB = -54;

/**
 * @param {string} text The key of its name.
 * @param {() => number} level Root mean square, 0–1.
 * @param {HTMLElement | null} orb Follows the level as well, by `--level`.
 * @param {import('../app.js').App} app
 */
export function meter(text, level, orb, app) {
  const bar = h("div", { class: "meter-bar" });
  const scale = h(
    "div",
    { class: "meter", role: "meter", label: text, "aria-valuemin": "0", "aria-valuemax": "100" },
    bar,
  );
  scale.setAttribute("aria-valuenow", "0");
  let shown = 0;
  const show = () => {
    const share = shareOf(level());
    // It falls more slowly than it rises, so that a word can be seen.
    shown = Math.max(share, shown * 0.88);
    bar.style.setProperty("--level", shown.toFixed(3));
    orb?.style.setProperty("--level", shown.toFixed(3));
    scale.setAttribute("aria-valuenow", String(Math.round(shown * 10) * 10));
    if (app.link?.status === "open" || shown > 0.01) requestAnimationFrame(show);
    else running = false;
  };
  let running = false;
  app.talk.addEventListener("changed", () => {
    if (running || app.link?.status !== "open") return;
    running = true;
    requestAnimationFrame(show);
  });
  return h(
    "div",
    { class: "metered" },
    h("span", { class: "soft", text, "aria-hidden": "true" }),
    scale,
  );
}

/** @param {number} level */
function shareOf(level) {
  if (level <= 0) return 0;
  return Math.max(0, Math.min(1, 1 - (20 * Math.log10(level)) / FLOOR_DB));
}
