/**
 * A list of many rows of one height of which only those in sight are elements: 10,000 events are as
 * quick as ten.
 *
 * It is a listbox with one stop of the Tab key: arrows, Page Up, Page Down, Home and End move the
 * active row, which the box names by `aria-activedescendant`; Enter and a click choose it.
 */

import { h } from "../dom.js";

/** Rows beside those in sight, so that scrolling shows no gaps. */
const MARGIN = 6;

/**
 * @typedef {object} Source
 * @property {() => number} count
 * @property {(row: HTMLElement, index: number) => void} draw
 * @property {(index: number) => void} choose
 */

let lists = 0;

export class WindowedList {
  element;
  #sizer = h("div", { className: "rows-all", role: "presentation" });
  #source;
  /** Pixels of a row: what the style sheet says in `--row` for the width that there is. */
  #height = 44;
  /** @type {HTMLElement[]} */
  #rows = [];
  #name = `rows-${lists++}`;
  /** Index of the active row; -1: none. */
  #active = -1;
  #frame = 0;
  /** How far it was scrolled when it last was. */
  #top = 0;
  /** Whether the newest row is kept in sight. */
  following = true;

  /**
   * @param {Source} source
   * @param {{label: string, follow: (following: boolean) => void}} options `label` is the key of a text.
   */
  constructor(source, { label, follow }) {
    this.#source = source;
    this.element = h(
      "div",
      { className: "rows", role: "listbox", tabIndex: 0, label },
      this.#sizer,
    );
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("click", (event) => this.#click(event));
    this.element.addEventListener(
      "scroll",
      () => {
        const { scrollHeight, scrollTop, clientHeight } = this.element;
        // Only who scrolls back wants to stay there: a list that shrinks has its end further below, too.
        const back = scrollTop < this.#top;
        this.#top = scrollTop;
        const atEnd = scrollHeight - scrollTop - clientHeight < this.#height;
        const following = atEnd || (this.following && !back);
        if (following !== this.following) follow((this.following = following));
        this.#soon();
      },
      { passive: true },
    );
    new ResizeObserver(() => this.#resized()).observe(this.element);
  }

  /** Rows may be of another height now: what is on top stays on top, or the newest in sight. */
  #resized() {
    const height = parseFloat(getComputedStyle(this.element).getPropertyValue("--row"));
    if (height && height !== this.#height) {
      const top = this.element.scrollTop / this.#height;
      this.#height = height;
      this.#size();
      this.element.scrollTop = this.following ? this.element.scrollHeight : top * height;
    }
    this.refresh();
  }

  #size() {
    const all = `${this.#source.count() * this.#height}px`;
    if (this.#sizer.style.height !== all) this.#sizer.style.height = all;
  }

  get active() {
    return this.#active;
  }

  /** Make a row active and bring it into sight; -1: none. @param {number} index */
  activate(index) {
    this.#active = index;
    if (index >= 0) {
      const [top, { scrollTop, clientHeight }] = [index * this.#height, this.element];
      if (top < scrollTop) this.element.scrollTop = top;
      const bottom = top + this.#height;
      if (bottom > scrollTop + clientHeight) this.element.scrollTop = bottom - clientHeight;
    }
    this.#soon();
  }

  /** Show what the source has now. */
  refresh() {
    this.#soon();
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const count = this.#source.count();
    this.#size();
    if (this.following) this.element.scrollTop = count * this.#height;
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / this.#height) - MARGIN);
    const wanted = clientHeight ? Math.ceil(clientHeight / this.#height) + 2 * MARGIN : 0;
    const shown = Math.max(0, Math.min(wanted, count - first));
    while (this.#rows.length < shown) this.#rows.push(this.#row());
    for (const [position, row] of this.#rows.entries()) {
      row.hidden = position >= shown;
      if (row.hidden) continue;
      const index = first + position;
      row.style.transform = `translateY(${index * this.#height}px)`;
      row.id = `${this.#name}-${index}`;
      row.setAttribute("aria-setsize", String(count));
      row.setAttribute("aria-posinset", String(index + 1));
      row.setAttribute("aria-selected", String(index === this.#active));
      row.dataset.index = String(index);
      this.#source.draw(row, index);
    }
    const active = this.#rows.find((row) => !row.hidden && row.dataset.index === `${this.#active}`);
    if (active) this.element.setAttribute("aria-activedescendant", active.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  #row() {
    const row = h("div", { className: "event-row", role: "option" });
    this.#sizer.append(row);
    return row;
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const row = event.target instanceof Element ? event.target.closest("[role=option]") : null;
    if (row instanceof HTMLElement) this.#choose(Number(row.dataset.index));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const last = this.#source.count() - 1;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#height) - 1);
    const from = this.#active < 0 ? last + 1 : this.#active;
    const targets = {
      ArrowDown: from + 1,
      ArrowUp: from - 1,
      PageDown: from + page,
      PageUp: from - page,
      Home: 0,
      End: last,
      Enter: this.#active,
    };
    if (last < 0 || !(event.key in targets) || event.ctrlKey || event.altKey || event.metaKey)
      return;
    event.preventDefault();
    const target = targets[/** @type {keyof typeof targets} */ (event.key)];
    if (target >= 0 || event.key !== "Enter") this.#choose(Math.max(0, Math.min(last, target)));
  }

  /** @param {number} index */
  #choose(index) {
    this.activate(index);
    this.#source.choose(index);
  }
}
