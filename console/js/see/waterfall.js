/**
 * Where the time of a turn goes, from the end of speech to the first sound of the answer: bars to
 * compare, and the numbers in a table.
 */

import { h } from "../dom.js";
import { language, t, tell } from "../texts.js";
import { MOMENTS, Timeline, extent, median, stages, total } from "./timeline.js";

/** @typedef {import('../app.js').App} App */
/** @typedef {import('./timeline.js').Turn} Turn */
/** @typedef {import('./timeline.js').Moment} Moment */

/** Turns that are drawn. */
const SHOWN = 8;
const STAGES = MOMENTS.filter((moment) => moment !== "start");
/** A scale ends at one of these times a power of ten. */
const ROUND = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function mount(root, app) {
  const timeline = new Timeline();
  const view = new WaterfallView(root, timeline);
  let next = 0;
  app.store.addEventListener("added", () => {
    for (const entry of app.store.since(next)) {
      next = entry.seq + 1;
      timeline.take(entry);
    }
    view.draw();
  });
  /** @param {Event} event */
  const heard = (event) => {
    const { response_id: id } = /** @type {CustomEvent} */ (event).detail ?? {};
    timeline.heard(id, performance.now());
    view.draw();
  };
  const listen = () => app.link?.addEventListener("heard", heard);
  app.addEventListener("link", listen);
  app.addEventListener("language", () => view.draw());
  listen();
}

class WaterfallView {
  #timeline;
  #root;
  #empty = h("p", { className: "see-empty", text: "see.waterfall.empty" });
  #chart = h("div", { className: "waterfall", "aria-hidden": "true" });
  #legend = h("ul", { className: "waterfall-legend" });
  #head = h("thead", {});
  #body = h("tbody", {});
  #foot = h("tfoot", {});
  #reckoned = h("p", { className: "see-about", text: "see.waterfall.reckoned" });
  #content;
  /** What was drawn last, so that the many events that change nothing cost nothing. */
  #drawn = "";

  /** @param {HTMLElement} root @param {Timeline} timeline */
  constructor(root, timeline) {
    this.#timeline = timeline;
    const caption = h("caption", { text: "see.waterfall.caption" });
    const table = h(
      "table",
      { className: "see-table waterfall-numbers" },
      caption,
      this.#head,
      this.#body,
      this.#foot,
    );
    const scroller = h(
      "div",
      { className: "see-scroller", tabIndex: 0, role: "region", label: "see.waterfall.table" },
      table,
    );
    const about = h("p", { className: "see-about", text: "see.waterfall.about" });
    this.#content = h("div", { className: "waterfall-all", hidden: true }, this.#legend, this.#chart, scroller, about, this.#reckoned);
    this.#root = root;
    root.append(this.#empty, this.#content);
    // It is drawn when its tab is chosen, too.
    new ResizeObserver(() => this.draw()).observe(root);
    for (const moment of STAGES) {
      const swatch = h("span", { className: `swatch stage-${moment}` });
      this.#legend.append(h("li", {}, swatch, h("span", { text: `see.stage.${moment}` })));
    }
    this.#head.append(
      h(
        "tr",
        {},
        h("th", { scope: "col", text: "see.waterfall.turn" }),
        ...STAGES.map((moment) =>
          h("th", { scope: "col" }, h("span", { text: `see.stage.${moment}` })),
        ),
        h("th", { scope: "col" }, h("span", { text: "see.waterfall.total" })),
      ),
    );
  }

  draw() {
    if (!this.#root.checkVisibility()) return;
    const turns = this.#timeline.turns.filter((turn) => turn.at.start !== undefined).slice(-SHOWN);
    const state = JSON.stringify([language(), turns]);
    if (state === this.#drawn) return;
    this.#drawn = state;
    this.#empty.hidden = turns.length > 0;
    this.#content.hidden = turns.length === 0;
    this.#reckoned.hidden = !turns.some(({ reckoned }) => reckoned);
    const middle = median(turns.map(total).filter((ms) => ms !== null));
    const scale = roundUp(Math.max(200, ...turns.map(extent)));
    const rows = turns.map((turn) => drawBar(turn, scale, turn === turns.at(-1)));
    this.#chart.replaceChildren(drawScale(scale), ...rows);
    this.#chart.style.setProperty("--rows", String(turns.length + 1));
    if (middle !== null) this.#chart.append(drawMedian(middle, scale));
    this.#body.replaceChildren(...turns.map(drawNumbers));
    this.#foot.replaceChildren(drawMedians(turns, middle));
  }
}

/** @param {number} ms */
function roundUp(ms) {
  const power = 10 ** Math.floor(Math.log10(ms));
  return (ROUND.find((step) => step * power >= ms) ?? 10) * power;
}

/** @param {Turn} turn @param {number} scale @param {boolean} last Whether its answer may still come. */
function drawBar(turn, scale, last) {
  const track = h("div", { className: "waterfall-track" });
  for (const { moment, from, to } of stages(turn)) {
    const bar = h("span", { className: `stage-bar stage-${moment}` });
    bar.style.left = `${(from / scale) * 100}%`;
    bar.style.width = `${((to - from) / scale) * 100}%`;
    bar.title = `${t(`see.stage.${moment}`)}: ${Math.round(to - from)} ms`;
    // The style sheet hides it where it does not fit.
    bar.append(h("span", {}, String(Math.round(to - from))));
    track.append(bar);
  }
  const ms = total(turn);
  const name = h("span", { className: "waterfall-name" }, nameOf(turn));
  const words = ms === null ? (last ? "…" : "–") : milliseconds(ms);
  const sum = h("span", { className: "waterfall-sum" }, words);
  return h("div", { className: "waterfall-row" }, name, track, sum);
}

/** @param {number} scale */
function drawScale(scale) {
  const track = h("div", { className: "waterfall-track waterfall-scale" });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const label = h("span", {}, milliseconds(scale * share, 1));
    label.style.left = `${share * 100}%`;
    label.dataset.share = String(share);
    track.append(label);
  }
  return h("div", { className: "waterfall-row" }, h("span", {}), track, h("span", {}));
}

/** @param {number} ms @param {number} scale */
function drawMedian(ms, scale) {
  const line = h("span", { className: "waterfall-median" });
  line.style.left = `${(ms / scale) * 100}%`;
  const track = h("div", { className: "waterfall-track" }, line);
  const name = h("span", { className: "waterfall-name", text: "see.waterfall.median" });
  const sum = h("span", { className: "waterfall-sum" }, milliseconds(ms));
  return h("div", { className: "waterfall-row waterfall-last" }, name, track, sum);
}

/** @param {Turn} turn */
function drawNumbers(turn) {
  const lengths = lengthsOf(turn);
  const status = turn.status && turn.status !== "completed" ? t(`see.status.${turn.status}`) : "";
  const name = h("th", { scope: "row" }, nameOf(turn), status ? ` (${status})` : "");
  const cells = STAGES.map((moment) => h("td", {}, number(lengths[moment])));
  return h("tr", {}, name, ...cells, h("td", {}, number(total(turn))));
}

/** @param {Turn[]} turns @param {number | null} middle */
function drawMedians(turns, middle) {
  const name = tell(h("th", { scope: "row" }), "see.waterfall.median");
  const all = turns.filter((turn) => total(turn) !== null).map(lengthsOf);
  const cells = STAGES.map((moment) => {
    const lengths = all.map((each) => each[moment]).filter((ms) => ms !== undefined);
    return h("td", {}, number(median(lengths)));
  });
  return h("tr", {}, name, ...cells, h("td", {}, number(middle)));
}

/** @param {Turn} turn @returns {Partial<Record<Moment, number>>} */
function lengthsOf(turn) {
  return Object.fromEntries(stages(turn).map(({ moment, from, to }) => [moment, to - from]));
}

/** @param {Turn} turn */
function nameOf(turn) {
  return t(`see.turn.${turn.kind}`, { number: turn.number });
}

/** @param {number | null | undefined} ms */
function number(ms) {
  return ms === null || ms === undefined ? "–" : String(Math.round(ms));
}

/** @param {number} ms @param {number} [digits] Of seconds. */
function milliseconds(ms, digits = 2) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(digits)} s`;
}
