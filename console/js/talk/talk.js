/**
 * Talking, from the click that begins it to its end: which connection, whose microphone, who says
 * when a turn is over. Fires `changed` whenever something of that is different, and
 * `unsent`, a `CustomEvent` with `{text, images}`, for what was typed and did not get to the server.
 */

import { announceEnd, offerRestart } from "./endings.js";
import { useLoudspeaker } from "./gone.js";
import { Hearing } from "./hearing.js";
import { History } from "./history.js";
import { newLink } from "./new_link.js";
import { phaseOf } from "./phase.js";
import { PushToTalk } from "./push_to_talk.js";
import { changedSession, countsLater, wholeSession } from "./session.js";
import { ToolCalls } from "./tool_calls.js";
import { queued, typed } from "./typed.js";
import { Unconfirmed } from "./unconfirmed.js";

/** @typedef {import("./link.js").Link} Link */
/** @typedef {import("./ended.js").Ended} Ended */

export class Talk extends EventTarget {
  calls = new ToolCalls();
  #beginning = false;
  /** The session as the server opened it. @type {Record<string, any>} */
  #initial = {};
  #muted = false;
  /** What is to be told once the session is there. @type {Record<string, any>[]} */
  #waiting = [];
  #unconfirmed = new Unconfirmed();
  /** The conversation with which another session would go on. */
  #history = new History();
  #spoken = false;
  #app;
  #hand;
  #hearing;

  /** @param {import("../app.js").App} app */
  constructor(app) {
    super();
    this.#app = app;
    this.#hand = new PushToTalk(app);
    this.#hearing = new Hearing(app);
    for (const one of [this.#hand, this.#hearing]) {
      one.addEventListener("changed", () => this.#changed());
    }
    app.addEventListener("settings", (event) =>
      this.#apply(/** @type {CustomEvent<string[]>} */ (event).detail),
    );
  }

  /** @returns {'idle' | 'connecting' | 'open'} */
  get status() {
    const { link } = this.#app;
    if (this.#beginning || link?.status === "connecting") return "connecting";
    return link?.status === "open" ? "open" : "idle";
  }

  /** What the line is doing now: `phase.js`. */
  get phase() {
    const { link, reach, state } = this.#app;
    return phaseOf({
      status: this.status,
      reach,
      serverState: state?.state ?? "",
      held: this.held,
      speaking: link?.speaking ?? false,
      playing: link?.playing ?? false,
      awaited: link?.awaited ?? false,
      microphone: this.microphone !== null,
      byHand: this.byHand,
      muted: this.#muted,
    });
  }

  /** Whether an answer is made or sounds, which can be stopped. */
  get answering() {
    return this.#app.link?.answering ?? false;
  }

  /** Whether the last conversation ended without the reader, and something was said in it. */
  get resumable() {
    const ended = this.#app.link?.ended;
    return !!ended && ended.code !== 1000 && this.#history.retold().length > 0;
  }

  /** Whether the reader talks in this conversation, or did in the last one: else it was typed. */
  get spoken() {
    return this.#spoken;
  }

  get byHand() {
    return this.#app.settings.turns === "push_to_talk";
  }

  get held() {
    return this.#hand.held;
  }

  get muted() {
    return this.#muted;
  }

  get microphone() {
    return this.#hearing.microphone;
  }

  /** The transport that the next conversation takes. @returns {'webrtc' | 'websocket'} */
  get transport() {
    const { settings, state } = this.#app;
    if (settings.transport !== "auto") return settings.transport;
    return state?.webrtc.available && "RTCPeerConnection" in window ? "webrtc" : "websocket";
  }

  /**
   * Begin to talk.
   *
   * @param {{spoken?: boolean, resumed?: boolean}} [how] `spoken`: with the microphone; `resumed`: the session is
   *   told what was said before.
   */
  async start({ spoken = this.#spoken || !this.resumable, resumed = this.resumable } = {}) {
    if (this.status === "connecting") return;
    this.#spoken ||= spoken;
    this.#beginning = true;
    this.#changed();
    try {
      // Nobody is asked for a microphone for nothing.
      if (!this.#alive && !(await this.#app.server.ready())) return this.#giveBack();
      this.#app.notices.drop("ended", "lost", "later", "microphone", "echo");
      if (!this.#alive) this.#spoken = spoken;
      if (!this.#alive && !resumed) this.#history.begin();
      if (spoken) await this.#hearing.open();
    } finally {
      this.#beginning = false;
      this.#changed();
    }
    if (this.#alive) {
      // It was begun by typing, and now there is a microphone, too.
      const { link } = this.#app;
      await link?.setMicrophone(this.microphone);
      if (link?.status === "open") await link.setListening(!this.byHand);
    } else this.#connect();
    this.#changed();
  }

  /** What was chosen, as far as this server can do it. */
  get #settings() {
    const { settings, state } = this.#app;
    return state?.mcp ? settings : { ...settings, mcp: [] };
  }

  /** Whether there is a connection, or there will be. */
  get #alive() {
    const { link } = this.#app;
    return link !== null && link.status !== "closed";
  }

  #connect() {
    this.#waiting.unshift(...this.#history.retold());
    const link = newLink(this.#app, this.transport);
    this.calls.clear();
    for (const name of ["status", "playing"]) link.addEventListener(name, () => this.#changed());
    link.addEventListener("event", (event) =>
      this.#take(link, /** @type {CustomEvent} */ (event).detail),
    );
    link.addEventListener("closed", (event) =>
      this.#ended(link, /** @type {CustomEvent<Ended>} */ (event).detail),
    );
    link.setMuted(this.#muted);
    void link.setMicrophone(this.microphone);
    void useLoudspeaker(this.#app, link);
    this.#app.setLink(link);
  }

  /** @param {Link} link @param {Record<string, any>} event */
  #take(link, event) {
    this.#history.take(event);
    if (event.type === "session.created") {
      this.#initial = event.session;
      const session = wholeSession(this.#settings, event.session);
      link.send({ type: "session.update", session });
      void link.setListening(!this.byHand);
      for (const waiting of this.#waiting.splice(0)) link.send(waiting);
    }
    const echo = event.type === "input_audio_buffer.echo_heard";
    if (echo) this.#app.notices.show({ id: "echo", kind: "info", text: "echo_heard" });
    this.#unconfirmed.take(event);
    const { tools } = this.#app.settings;
    const canned = (/** @type {string} */ name) =>
      tools.find((tool) => tool.name === name)?.canned ?? null;
    for (const answer of this.calls.take(event, canned)) link.send(answer);
    this.#changed();
  }

  /** @param {Link} link @param {Ended} ended */
  #ended(link, ended) {
    this.#history.end(link.cut);
    this.#hand.drop();
    this.#giveBack();
    this.calls.clear();
    this.#hearing.close();
    void announceEnd(this.#app, ended);
    this.#changed();
  }

  /** Nothing of what waits will be sent: the reader gets back what was typed. */
  #giveBack() {
    this.#waiting = [];
    const detail = this.#unconfirmed.giveBack();
    if (detail) this.dispatchEvent(new CustomEvent("unsent", { detail }));
  }

  stop() {
    this.#app.link?.close();
  }

  /** The answer ends here; the conversation goes on. */
  stopAnswer() {
    this.calls.stop();
    if (this.answering) this.#app.link?.interrupt();
  }

  /** @param {boolean} muted The server hears silence; the conversation goes on. */
  setMuted(muted) {
    this.#muted = muted;
    this.#app.link?.setMuted(muted);
    this.#changed();
  }

  /**
   * Say something by typing: it stops the answer there is.
   *
   * @param {string} text
   * @param {string[]} images Data URLs.
   */
  async say(text, images) {
    const events = typed(text, images);
    const { link } = this.#app;
    this.#unconfirmed.add(events);
    if (link?.status === "open" && link.session) {
      link.interrupt();
      for (const event of events) link.send(event);
      return;
    }
    this.#waiting = queued(this.#waiting, events);
    // Perhaps the browser still asks whether it may have the microphone: typing does not wait for that.
    if (this.#alive) return;
    if (this.#beginning && this.#app.ready) this.#connect();
    else await this.start({ spoken: false });
  }

  /** Push-to-talk: the reader speaks from now on. */
  async hold() {
    const { link } = this.#app;
    if (this.byHand && this.microphone && link?.status === "open") await this.#hand.hold(link);
  }

  /** Push-to-talk: the turn is over. */
  async release() {
    const { link } = this.#app;
    if (link) await this.#hand.release(link);
  }

  /**
   * @param {string} callId
   * @param {string} output
   */
  answerCall(callId, output) {
    for (const event of this.calls.answer(callId, output)) this.#app.link?.send(event);
    this.#changed();
  }

  /**
   * Settings were changed: what can be is applied at once.
   *
   * @param {string[]} changed
   */
  async #apply(changed) {
    this.#changed();
    const { link, settings } = this.#app;
    if (link?.status !== "open") return;
    const voice = settings.voice || this.#initial.audio?.output?.voice;
    const later = changed.filter((name) => countsLater(name, voice, link));
    const now = changed.filter((name) => !later.includes(name));
    const session = changedSession(this.#settings, this.#initial, now);
    if (session) link.send({ type: "session.update", session });
    if (changed.includes("turns")) {
      this.#hand.drop();
      await link.setListening(!this.byHand);
    }
    if (changed.includes("microphone")) await this.#hearing.change(settings.microphone);
    if (changed.includes("loudspeaker")) await useLoudspeaker(this.#app, link);
    if (later.length) offerRestart(this.#app);
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }
}
