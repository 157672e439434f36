/**
 * Talking, from the click that begins it to its end: which connection, whose microphone, who says
 * when a turn is over. Fires `changed` whenever something of that is different.
 */

import { announceEnd, offerRestart } from "./endings.js";
import { retold } from "./history.js";
import { Microphone, NoMicrophone } from "./microphone.js";
import { PushToTalk } from "./push_to_talk.js";
import { changedSession, wholeSession } from "./session.js";
import { ToolCalls } from "./tool_calls.js";
import { typed } from "./typed.js";
import { WebRTCLink } from "./webrtc_link.js";
import { WebSocketLink } from "./websocket_link.js";

/** @typedef {import("./link.js").Link} Link */
/** @typedef {import("./ended.js").Ended} Ended */

export class Talk extends EventTarget {
  calls = new ToolCalls();
  /** @type {Microphone | null} */
  #microphone = null;
  #beginning = false;
  /** The session as the server opened it. @type {Record<string, any>} */
  #initial = {};
  #speaking = false;
  #muted = false;
  /** What is to be told once the session is there. @type {Record<string, any>[]} */
  #waiting = [];
  #app;
  #hand;

  /** @param {import("../app.js").App} app */
  constructor(app) {
    super();
    this.#app = app;
    this.#hand = new PushToTalk(app);
    this.#hand.addEventListener("changed", () => this.#changed());
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

  /** @returns {'idle' | 'connecting' | 'held' | 'answering' | 'thinking' | 'hearing' | 'muted' | 'listening' | 'ready'} */
  get phase() {
    const { status } = this;
    const { link } = this.#app;
    if (status !== "open" || !link) return status === "open" ? "idle" : status;
    if (this.held) return "held";
    if (this.#speaking) return "hearing";
    if (link.playing) return "answering";
    if (link.responding.size) return "thinking";
    if (!this.#microphone || this.byHand) return "ready";
    return this.#muted ? "muted" : "listening";
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
    return this.#microphone;
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
  async start({ spoken = true, resumed = false } = {}) {
    if (this.status === "connecting") return;
    this.#app.notices.drop("ended", "lost", "later", "microphone");
    this.#beginning = true;
    this.#changed();
    try {
      if (spoken) await this.#listen();
    } finally {
      this.#beginning = false;
    }
    if (this.#alive) {
      // It was begun by typing, and now there is a microphone, too.
      const { link } = this.#app;
      await link?.setMicrophone(this.#microphone);
      if (link?.status === "open") await link.setListening(!this.byHand);
    } else {
      if (resumed) this.#waiting.unshift(...retold(this.#app.store.entries));
      this.#connect();
    }
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

  async #listen() {
    if (this.#microphone) return;
    try {
      const microphone = await Microphone.open(this.#app.settings.microphone);
      microphone.addEventListener("lost", () => void this.#change(""));
      this.#microphone = microphone;
      this.#app.dispatchEvent(new Event("microphone"));
    } catch (error) {
      this.#noMicrophone(error);
    }
  }

  #connect() {
    const { settings, state, store, secret, headers } = this.#app;
    const path = state?.ws_path ?? "/v1/realtime";
    const query = new URLSearchParams({ observe: "turn_detection" });
    if (settings.model) query.set("model", settings.model);
    const { origin } = location;
    const link =
      this.transport === "webrtc"
        ? new WebRTCLink(`${origin}${path}/calls?${query}`, headers, store)
        : new WebSocketLink(`${origin.replace(/^http/, "ws")}${path}?${query}`, secret, store);
    this.#speaking = false;
    this.calls.clear();
    link.addEventListener("status", () => this.#changed());
    link.addEventListener("playing", () => this.#changed());
    link.addEventListener("event", (event) =>
      this.#take(link, /** @type {CustomEvent} */ (event).detail),
    );
    link.addEventListener("closed", (event) =>
      this.#ended(/** @type {CustomEvent<Ended>} */ (event).detail),
    );
    link.addEventListener("doubtful", async () => {
      if (!(await this.#app.server.reachable())) /** @type {WebRTCLink} */ (link).giveUp();
    });
    link.setMuted(this.#muted);
    void link.setMicrophone(this.#microphone);
    void link.setLoudspeaker(settings.loudspeaker);
    this.#app.setLink(link);
  }

  /**
   * @param {Link} link
   * @param {Record<string, any>} event
   */
  #take(link, event) {
    if (event.type === "session.created") {
      this.#initial = event.session;
      const session = wholeSession(this.#settings, event.session);
      link.send({ type: "session.update", session });
      void link.setListening(!this.byHand);
      for (const waiting of this.#waiting.splice(0)) link.send(waiting);
    } else if (event.type === "input_audio_buffer.speech_started") {
      this.#speaking = true;
    } else if (/^input_audio_buffer\.(speech_stopped|committed|cleared)$/.test(event.type)) {
      this.#speaking = false;
    }
    const { tools } = this.#app.settings;
    const canned = (/** @type {string} */ name) =>
      tools.find((tool) => tool.name === name)?.canned ?? null;
    for (const answer of this.calls.take(event, canned)) link.send(answer);
    this.#changed();
  }

  /** @param {Ended} ended */
  #ended(ended) {
    this.#hand.drop();
    this.#speaking = false;
    this.#waiting = [];
    this.calls.clear();
    this.#microphone?.close();
    this.#microphone = null;
    void announceEnd(this.#app, ended);
    this.#changed();
  }

  stop() {
    this.#app.link?.close();
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
    if (link?.status === "open") {
      link.interrupt();
      for (const event of events) link.send(event);
      return;
    }
    this.#waiting.push(...events);
    // Perhaps the browser still asks whether it may have the microphone: typing does not wait for that.
    if (this.#beginning && !this.#alive) this.#connect();
    else await this.start({ spoken: false });
  }

  /** Push-to-talk: the reader speaks from now on. */
  async hold() {
    const { link } = this.#app;
    if (this.byHand && this.#microphone && link?.status === "open") await this.#hand.hold(link);
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
    const session = changedSession(this.#settings, this.#initial, changed);
    if (session) link.send({ type: "session.update", session });
    if (changed.includes("turns")) {
      this.#hand.drop();
      await link.setListening(!this.byHand);
    }
    if (changed.includes("microphone")) await this.#change(settings.microphone);
    if (changed.includes("loudspeaker")) await link.setLoudspeaker(settings.loudspeaker);
    if (changed.includes("model") || changed.includes("transport")) offerRestart(this.#app);
  }

  /** @param {string} device */
  async #change(device) {
    try {
      await this.#microphone?.change(device);
    } catch (error) {
      this.#noMicrophone(error);
    }
  }

  /** @param {unknown} error */
  #noMicrophone(error) {
    if (!(error instanceof NoMicrophone)) throw error;
    const { obstacle, message: detail } = error;
    const values = { host: location.host, port: location.port || "443", detail };
    const id = "microphone";
    this.#app.notices.show({ id, kind: "warn", text: `microphone_${obstacle}`, values });
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }
}
