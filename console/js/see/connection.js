/**
 * The way to the server: what it is, what it is called, and how well it does, over the last minutes.
 */

import { h } from "../dom.js";
import { tell } from "../texts.js";
import { copyButton } from "./copying.js";
import { FIGURES, LinkFigures } from "./link_figures.js";
import { drawCourse } from "./sparkline.js";

/** @typedef {import('../app.js').App} App */
/** @typedef {import('../talk/link.js').Link} Link */
/** @typedef {import('../talk/link.js').Stats} Stats */

const EVERY_MS = 1000;

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function mount(root, app) {
  new ConnectionView(root, app);
}

class ConnectionView {
  #app;
  #next = 0;
  #session = "";
  #figures = new LinkFigures();
  #empty = h("p", { className: "see-empty", text: "see.link.empty" });
  #facts = h("dl", { className: "link-facts" });
  #table = h("table", { className: "see-table link-figures" });
  #rows = h("tbody", {});
  #copy;
  #content;
  /** @type {Stats | null} */
  #stats = null;
  #timer = 0;

  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.#app = app;
    const heads = ["figure", "last", "highest", "course"].map((name) =>
      h("th", { scope: "col", text: `see.link.${name}` }),
    );
    const caption = h("caption", { text: "see.link.figures" });
    this.#table.append(caption, h("thead", {}, h("tr", {}, ...heads)), this.#rows);
    this.#copy = copyButton("see.link.copy", () => this.#text());
    const tools = h("div", { className: "see-tools" }, this.#copy);
    this.#content = h("div", { hidden: true }, this.#facts, tools, this.#table);
    root.append(this.#empty, this.#content);
    app.store.addEventListener("added", () => this.#read());
    app.addEventListener("link", () => this.#follow());
    app.addEventListener("language", () => this.#draw());
    this.#follow();
  }

  #read() {
    for (const { seq, event } of this.#app.store.since(this.#next)) {
      this.#next = seq + 1;
      if (event.type !== "session.created") continue;
      this.#session = event.session?.id ?? "";
      this.#draw();
    }
  }

  /** Begin anew with another connection. */
  #follow() {
    clearInterval(this.#timer);
    const { link } = this.#app;
    if (!link) return;
    this.#figures = new LinkFigures();
    this.#stats = null;
    this.#empty.hidden = true;
    this.#content.hidden = false;
    link.addEventListener("status", () => this.#draw());
    const measure = () => this.#measure(link);
    this.#timer = setInterval(measure, EVERY_MS);
    measure();
    this.#draw();
  }

  /** @param {Link} link */
  async #measure(link) {
    if (link.status === "closed") clearInterval(this.#timer);
    if (link.status !== "open") return;
    const stats = await link.stats();
    if (link !== this.#app.link) return;
    this.#stats = stats;
    this.#figures.take(stats, performance.now(), link.playing);
    this.#draw();
  }

  /** @returns {[string, string][]} */
  #known() {
    const { link } = this.#app;
    return [
      ["transport", link?.transport === "webrtc" ? "WebRTC" : "WebSocket"],
      ["session", this.#session],
      ["call", link?.callId ?? ""],
      ["here", this.#stats?.local_address ?? ""],
      ["there", this.#stats?.remote_address ?? ""],
    ];
  }

  #draw() {
    const { link } = this.#app;
    if (!link) return;
    const status = tell(h("dd", {}), `see.link.${link.status}`);
    const facts = this.#known().filter(([, value]) => value);
    this.#facts.replaceChildren(
      h("dt", { text: "see.link.status" }),
      status,
      ...facts.flatMap(([name, value]) => [
        h("dt", { text: `see.link.${name}` }),
        h("dd", {}, h("code", {}, value)),
      ]),
    );
    this.#drawFigures();
  }

  #drawFigures() {
    const rows = FIGURES.flatMap((name) => {
      const course = this.#figures.course(name);
      const last = course.at(-1);
      if (last === undefined) return [];
      const picture = h("td", { className: "link-course" }, drawCourse(course));
      const cells = [last, Math.max(...course)].map((value) => h("td", {}, written(value)));
      return [
        h("tr", {}, h("th", { scope: "row", text: `see.figure.${name}` }), ...cells, picture),
      ];
    });
    this.#table.hidden = rows.length === 0;
    this.#rows.replaceChildren(...rows);
  }

  /** What is known, to be sent to somebody who can help. */
  #text() {
    const facts = Object.fromEntries(this.#known().filter(([, value]) => value));
    const { status = null } = this.#app.link ?? {};
    const figures = this.#figures.samples.at(-1) ?? {};
    return JSON.stringify({ ...facts, status, ...figures, stats: this.#stats }, null, 2);
  }
}

/** @param {number} value */
function written(value) {
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}
