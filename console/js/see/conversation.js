/**
 * The conversation as it is read: written as it streams, with what was not heard struck through.
 *
 * Screen readers get finished sentences alone, by a live region beside it. The view follows what is
 * new until its reader scrolls back, and then says that there is more below.
 */

import { h } from "../dom.js";
import { t } from "../texts.js";
import { Dialogue } from "./dialogue.js";
import { Spoken } from "./spoken.js";
import { drawTurn, showHeard } from "./turn_view.js";

/** @typedef {import('../app.js').App} App */
/** @typedef {import('./turns.js').Turn} Turn */
/** @typedef {{turn: import('./turns.js').Message, ms: number, at: number}} Playing */

/** Pixels from the end within which the view follows. */
const NEAR = 48;
/** Milliseconds between two looks at what was heard. */
const LISTEN_MS = 100;
/** Milliseconds without a sound after which an answer is over, though its length is not known. */
const STILL_MS = 3000;
/** The same once all of it is made: the sound ends a moment before its length on the wire does. */
const ENDED_MS = 400;

/**
 * @param {HTMLElement} root
 * @param {App} app
 */
export function mount(root, app) {
  new ConversationView(root, app);
}

class ConversationView {
  #app;
  #dialogue = new Dialogue();
  #next = 0;
  /** @type {Map<string, HTMLElement>} */
  #drawn = new Map();
  /** The answer that is being heard, how much of it, and since when no more. @type {Playing | null} */
  #playing = null;
  /** Id of the answer that was followed last. */
  #followed = "";
  #spoken;
  #scroller;
  #list;
  #more;
  #empty;
  #following = true;
  /** How far it was scrolled when it last was. */
  #top = 0;

  /** @param {HTMLElement} root @param {App} app */
  constructor(root, app) {
    this.#app = app;
    this.#empty = h("p", { className: "said-empty", text: "see.said.empty" });
    this.#list = h("ol", { className: "said-list" });
    this.#scroller = h(
      "div",
      { className: "said", tabIndex: 0, role: "region", label: "see.said.label" },
      this.#empty,
      this.#list,
    );
    this.#more = h("button", {
      className: "said-more",
      type: "button",
      text: "see.said.more",
      hidden: true,
      onclick: () => this.#follow(true),
    });
    this.#spoken = new Spoken(/** @type {HTMLElement} */ (liveRegion()));
    root.classList.add("said-root");
    root.append(this.#scroller, this.#more);
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#keepUp()).observe(this.#list);
    new ResizeObserver(() => this.#following && this.#follow(false)).observe(this.#scroller);
    app.store.addEventListener("added", () => this.#read());
    app.addEventListener("link", () => this.#listenTo(app.link));
    app.addEventListener("language", () => this.#drawAll());
    this.#listenTo(app.link);
  }

  #read() {
    /** @type {Set<Turn>} */
    const changed = new Set();
    for (const entry of this.#app.store.since(this.#next)) {
      this.#next = entry.seq + 1;
      for (const turn of this.#dialogue.take(entry.direction, entry.event)) changed.add(turn);
    }
    if (!changed.size) return;
    for (const turn of changed) this.#draw(turn);
    const written = [...changed].find((turn) => isSpoken(turn) && turn.id !== this.#followed);
    if (written && !this.#playing) this.#hear(written);
    this.#empty.hidden = this.#list.childElementCount > 0;
    this.#keepUp();
  }

  #drawAll() {
    for (const turn of this.#dialogue.turns) this.#draw(turn);
  }

  /** @param {Turn} turn */
  #draw(turn) {
    const index = this.#dialogue.turns.indexOf(turn);
    const before = this.#drawn.get(turn.id);
    if (index < 0) {
      before?.remove();
      this.#drawn.delete(turn.id);
      return;
    }
    const element = before ?? h("li", {});
    drawTurn(element, turn);
    if (!before) {
      this.#drawn.set(turn.id, element);
      this.#list.insertBefore(element, this.#list.children[index] ?? null);
    }
    this.#spoken.tell(turn);
  }

  /** @param {App['link']} link */
  #listenTo(link) {
    link?.addEventListener("heard", (event) => {
      const id = /** @type {CustomEvent} */ (event).detail?.item_id;
      const turn = this.#dialogue.turns.find((each) => each.id === id);
      if (turn) this.#hear(turn);
    });
  }

  /** An answer is about to be heard. @param {Turn} turn */
  #hear(turn) {
    if (turn.kind !== "message") return;
    const before = this.#playing;
    if (before && before.turn !== turn) {
      const element = this.#drawn.get(before.turn.id);
      if (element) showHeard(element, null);
    }
    this.#followed = turn.id;
    this.#playing = { turn, ms: 0, at: performance.now() };
    if (!before) this.#followVoice();
  }

  /** While an answer plays, show which of its words were heard already. */
  #followVoice() {
    const playing = this.#playing;
    const element = playing && this.#drawn.get(playing.turn.id);
    if (!element) return;
    const { turn } = playing;
    const now = performance.now();
    const ms = this.#app.link?.heardMs(turn.id) ?? 0;
    if (ms > playing.ms) Object.assign(playing, { ms, at: now });
    const all = this.#dialogue.soundMs(turn);
    const still = turn.progress === "streaming" || ms === 0 ? STILL_MS : ENDED_MS;
    const over = turn.cut !== null || (all > 0 && ms >= all) || now - playing.at > still;
    showHeard(element, over ? null : this.#dialogue.heard(turn, ms));
    if (over) this.#playing = null;
    else setTimeout(() => this.#followVoice(), LISTEN_MS);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    // Only who scrolls back wants to stay there: a window that shrinks has its end further below, too.
    const back = scrollTop < this.#top;
    this.#top = scrollTop;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR;
    this.#following = atEnd || (this.#following && !back);
    if (this.#following) this.#more.hidden = true;
  }

  #keepUp() {
    if (this.#following) this.#follow(false);
    else this.#more.hidden = false;
  }

  /** @param {boolean} asked */
  #follow(asked) {
    this.#following = true;
    this.#more.hidden = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    if (asked) this.#scroller.focus();
  }
}

/** Whether a turn is an answer that is being spoken. @param {Turn} turn */
function isSpoken(turn) {
  if (turn.kind !== "message" || turn.role !== "assistant") return false;
  return turn.progress === "streaming" && turn.parts.some((part) => part.type === "audio");
}

/** The page's own live region, or one for this view alone. */
function liveRegion() {
  const found = document.getElementById("spoken");
  if (found) return found;
  const made = h("div", { id: "spoken", className: "unseen", role: "log", "aria-live": "polite" });
  document.body.append(made);
  return made;
}
