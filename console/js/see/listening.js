/**
 * What the server hears, drawn live, so that threshold and silence are set by looking: loudness, how
 * likely it is speech, and what the turn detector decided.
 *
 * The last minute can be looked at again, and is told in words and numbers, too.
 */

import { h } from "../dom.js";
import { t, tell } from "../texts.js";
import { turnSliders } from "./listening_controls.js";
import { turnsTable } from "./listening_table.js";
import { drawScope } from "./scope.js";
import { KEPT_MS, SpeechLog } from "./speech_log.js";
import { now } from "./speech_state.js";

/** @typedef {import('../app.js').App} App */

/** Seconds that are seen at once. */
const SPANS = [5, 10, 20, 60];
/** Milliseconds by which the drawing is late, so that it moves evenly between two observations. */
const LATE_MS = 250;
/** Milliseconds without an observation after which nothing moves. */
const STILL_MS = 1000;
/** Milliseconds between two texts. */
const TELL_MS = 500;
const COLOURS = /** @type {const} */ (["wave", "speech", "threshold", "mark", "turn"]);

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function mount(root, app) {
  new ListeningView(root, app);
}

class ListeningView {
  #log = new SpeechLog();
  #app;
  #next = 0;
  #canvas = h("canvas", { className: "scope", role: "img", label: "see.listening.picture" });
  #context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d"));
  #empty = h("p", { className: "see-empty", text: "see.listening.empty" });
  #legend = h("ul", { className: "scope-legend" });
  #words = h("p", { className: "scope-words" });
  #span;
  #back;
  #table = turnsTable();
  #sliders;
  #content;
  /** The end of what is drawn, in ms of the session's audio. */
  #shownMs = 0;
  #arrived = -Infinity;
  #told = -Infinity;
  #frame = 0;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.#app = app;
    const draw = () => this.#soon();
    this.#sliders = turnSliders(app, draw);
    const options = SPANS.map((seconds) => h("option", { value: seconds }, `${seconds} s`));
    this.#span = h("select", { label: "see.listening.span", onchange: draw }, ...options);
    this.#span.value = "10";
    this.#back = h("input", {
      type: "range",
      min: -KEPT_MS / 1000,
      max: 0,
      step: 0.5,
      value: 0,
      label: "see.listening.back",
      oninput: draw,
    });
    const live = () => {
      this.#back.value = "0";
      this.#soon();
    };
    const tools = h(
      "div",
      { className: "see-tools scope-tools" },
      this.#span,
      this.#back,
      h("button", { type: "button", text: "see.listening.live", onclick: live }),
    );
    for (const colour of COLOURS) {
      const swatch = h("span", { className: `swatch scope-${colour}` });
      this.#legend.append(h("li", {}, swatch, h("span", { text: `see.scope.${colour}` })));
    }
    this.#canvas.setAttribute("aria-describedby", (this.#words.id = "scope-words"));
    this.#content = h(
      "div",
      { hidden: true },
      this.#legend,
      this.#canvas,
      tools,
      this.#words,
      this.#table.element,
    );
    root.append(this.#sliders.element, this.#empty, this.#content);
    app.store.addEventListener("added", () => this.#read());
    app.addEventListener("language", () => {
      this.#tellWords();
      this.#soon();
    });
    new ResizeObserver(() => this.#soon()).observe(this.#canvas);
    for (const scheme of [matchMedia("(prefers-color-scheme: dark)"), this.#calm]) {
      scheme.addEventListener("change", draw);
    }
    new MutationObserver(draw).observe(document.documentElement, {
      attributeFilter: ["data-theme"],
    });
  }

  #read() {
    let news = false;
    for (const { seq, event } of this.#app.store.since(this.#next)) {
      this.#next = seq + 1;
      if (event.type !== "console.turn_detection") continue;
      this.#log.take(event);
      news = true;
    }
    if (!news) return;
    this.#arrived = performance.now();
    this.#empty.hidden = true;
    this.#content.hidden = false;
    this.#soon();
    if (this.#arrived - this.#told > TELL_MS) this.#tellWords();
  }

  #soon() {
    this.#frame ||= requestAnimationFrame((time) => {
      this.#frame = 0;
      this.#advance(time);
      this.#draw();
      const moving = !this.#calm.matches && time - this.#arrived < STILL_MS;
      if (moving && this.#canvas.clientWidth && this.#back.value === "0") this.#soon();
    });
  }

  /** Move on with the time, between the end that is known and a little before it. @param {number} time */
  #advance(time) {
    const end = this.#log.endMs;
    if (this.#calm.matches) this.#shownMs = end;
    else {
      const wanted = end - LATE_MS + (time - this.#arrived);
      this.#shownMs = Math.min(end, Math.max(end - 2 * LATE_MS, wanted));
    }
  }

  #draw() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width || !height) return;
    const ratio = devicePixelRatio;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== wide || this.#canvas.height !== high) {
      this.#canvas.width = wide;
      this.#canvas.height = high;
    }
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const to = Math.max(0, this.#shownMs + Number(this.#back.value) * 1000);
    drawScope(this.#context, this.#log, {
      width,
      height,
      from: to - Number(this.#span.value) * 1000,
      to,
      threshold: this.#sliders.threshold,
      silenceMs: this.#sliders.silenceMs,
      colours: this.#colours(),
      font: `11px ${getComputedStyle(this.#canvas).fontFamily}`,
      name: nameOf,
    });
  }

  /** The legend's colours are those of the picture, in either scheme. */
  #colours() {
    const [wave, speech, threshold, mark, turn] = [...this.#legend.querySelectorAll(".swatch")].map(
      (swatch) => getComputedStyle(swatch).color,
    );
    const style = getComputedStyle(this.#canvas);
    const [line, text] = [style.borderTopColor, style.color];
    return { wave, speech, threshold, mark, turn, line, text };
  }

  #tellWords() {
    this.#told = performance.now();
    if (this.#content.hidden) return;
    const { speech, speaking, quietMs } = now(this.#log);
    const key = speaking ? "see.listening.speaking" : "see.listening.quiet";
    tell(this.#words, key, {
      speech: speech.toFixed(2),
      threshold: this.#sliders.threshold.toFixed(2),
      quiet: Math.round(quietMs),
    });
    this.#table.show(this.#log);
  }
}

/** @param {import('./speech_log.js').Mark} mark */
function nameOf({ what, complete }) {
  const name = t(`see.mark.${what}`);
  return complete === null ? name : `${name} ${complete.toFixed(2)}`;
}
