/**
 * One turn of the conversation as elements, drawn anew as little as possible: an answer changes
 * many times a second.
 */

import { h } from "../dom.js";
import { tell, tellAttribute } from "../texts.js";

/** @typedef {import('./turns.js').Turn} Turn */
/** @typedef {import('./turns.js').Message} Message */
/** @typedef {import('./turns.js').Part} Part */

/**
 * @param {HTMLElement} element What shows the turn, empty at first.
 * @param {Turn} turn
 */
export function drawTurn(element, turn) {
  if (turn.kind === "note") {
    element.className = `turn turn-note turn-${turn.level}`;
    tell(element, turn.text, turn.values);
  } else if (turn.kind === "call") drawCall(element, turn);
  else drawMessage(element, turn);
}

/**
 * Show how much of an answer was heard so far; what is still to come is paler.
 * @param {HTMLElement} element
 * @param {number | null} characters Null: all that there is to hear was heard.
 */
export function showHeard(element, characters) {
  const words = element.querySelector(".turn-sound");
  const [heard, ahead] = words?.children ?? [];
  if (!(heard && ahead) || element.classList.contains("turn-cut")) return;
  const text = `${heard.textContent}${ahead.textContent}`;
  const until = characters ?? text.length;
  heard.textContent = text.slice(0, until);
  ahead.textContent = text.slice(until);
  if (characters === null) delete element.dataset.heard;
  else element.dataset.heard = String(characters);
}

/** @param {HTMLElement} element @param {import('./turns.js').Call} call */
function drawCall(element, call) {
  element.className = "turn turn-call";
  const given = h("code", { className: "turn-arguments" }, call.arguments || "{}");
  const head = h("p", {}, h("strong", {}, call.name || "…"), " ", given);
  const who = h("span", { className: "turn-who", text: "see.who.tool" });
  const result =
    call.output === null
      ? h("p", { className: "turn-state", text: "see.said.no_result" })
      : h("pre", { className: "turn-result", tabIndex: 0 }, call.output);
  element.replaceChildren(who, h("div", { className: "turn-body" }, head, result));
}

/** @param {HTMLElement} element @param {Message} turn */
function drawMessage(element, turn) {
  element.className = `turn turn-${turn.role}`;
  element.classList.toggle("turn-cut", turn.cut !== null);
  if (!element.firstElementChild) {
    const who = h("span", { className: "turn-who", text: `see.who.${turn.role}` });
    element.append(who, h("div", { className: "turn-body" }));
  }
  const body = /** @type {HTMLElement} */ (element.lastElementChild);
  turn.parts.forEach((part, index) => drawPart(element, body, index, part, turn));
  drawState(body, stateOf(turn), turn.parts.length, turn);
}

/**
 * @param {HTMLElement} element
 * @param {HTMLElement} body
 * @param {number} index
 * @param {Part} part
 * @param {Message} turn
 */
function drawPart(element, body, index, part, turn) {
  const shown = body.children[index];
  if (part.type === "image") {
    if (shown?.tagName === "IMG" || !part.text) return;
    const picture = h("img", { className: "turn-picture", src: part.text });
    tellAttribute(picture, "alt", "see.said.picture");
    place(body, index, picture);
    return;
  }
  const type = part.type === "audio" && turn.role === "assistant" ? "turn-sound" : "turn-text";
  if (!shown?.classList.contains(type)) {
    place(body, index, h("p", { className: type }, h("span", {}), h("span", {})));
  }
  const words = body.children[index];
  if (turn.cut && type === "turn-sound") drawCut(words, part.text, turn.cut);
  else drawWords(words, part.text, Number(element.dataset.heard ?? part.text.length));
}

/** @param {Element} body @param {number} index @param {Element} element */
function place(body, index, element) {
  const before = body.children[index];
  if (before && !before.classList.contains("turn-state")) before.replaceWith(element);
  else body.insertBefore(element, before ?? null);
}

/** @param {Element} element @param {string} text @param {number} heard */
function drawWords(element, text, heard) {
  const [first, second] = element.children;
  if (first.textContent !== text.slice(0, heard)) first.textContent = text.slice(0, heard);
  if (second.textContent !== text.slice(heard)) second.textContent = text.slice(heard);
  second.className = "turn-ahead";
}

/** @param {Element} element @param {string} text @param {import('./turns.js').Cut} cut */
function drawCut(element, text, cut) {
  const unheard = text.slice(cut.heard);
  const seconds = (cut.ms / 1000).toFixed(1);
  const mark = h("span", { className: "turn-mark" });
  element.replaceChildren(
    h("span", {}, text.slice(0, cut.heard)),
    tell(mark, "see.said.cut", { seconds }),
    " ",
    unheard ? h("span", { className: "unseen", text: "see.said.unheard" }) : "",
    unheard ? h("s", {}, unheard.trimStart()) : "",
  );
}

/** What a message lacks, as the key of a text; empty: nothing. @param {Message} turn */
function stateOf(turn) {
  if (turn.role === "assistant") {
    return turn.progress === "done" && !turn.complete && !turn.cut ? "see.said.stopped" : "";
  }
  const wordless = turn.parts.every((part) => !part.text);
  if (turn.progress === "listening") return "see.said.listening";
  if (!wordless) return "";
  return turn.progress === "waiting" ? "see.said.transcribing" : "see.said.nothing";
}

/** @param {HTMLElement} body @param {string} key @param {number} parts @param {Message} turn */
function drawState(body, key, parts, turn) {
  while (body.childElementCount > parts + (key ? 1 : 0)) body.lastElementChild?.remove();
  if (!key) return;
  const shown = body.querySelector(".turn-state");
  const state = shown ?? h("p", {});
  state.className = `turn-state turn-${turn.progress}`;
  tell(state, key);
  if (!shown) body.append(state);
}
