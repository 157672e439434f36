/**
 * What all panels of the page share: the log of events, the connection, the settings and what the server says of
 * itself. Each change is announced by an event of that name: `link`, `settings`, `state`, `language`.
 * `key`: what was begun needs a key first.
 */

import { EventStore } from "./see/event_store.js";
import { t, texts } from "./texts.js";
import { announceReturn, announceStart } from "./talk/endings.js";
import { Notices } from "./talk/notices.js";
import { Server } from "./talk/server.js";
import { Talk } from "./talk/talk.js";
import { loadSettings, storeSettings } from "./talk/settings.js";

/** @typedef {import('./talk/settings.js').Settings} Settings */
/** @typedef {import('./talk/link.js').Link} Link */

/**
 * GET `/console/state`.
 *
 * @typedef {object} OfServer
 * @property {string} product
 * @property {string} version
 * @property {string} state
 * @property {'none' | 'key'} auth
 * @property {{available: boolean, reason?: string, install?: string}} webrtc `reason`: why it is not, in English.
 * @property {string} ws_path
 * @property {string[]} models
 * @property {{status: 'never' | 'running' | 'done', verdicts?: object[]}} check
 * @property {boolean} mcp
 * @property {Record<string, Stack>} stacks Those beside the default one, by the name of the model that chooses them.
 */

/**
 * What one stack offers. The default one stands in the state itself.
 *
 * @typedef {object} Stack
 * @property {import('./talk/voices.js').Voice[]} voices
 * @property {{stt: string, llm: string, tts: string} | null} stack What answers; null: it is not told.
 * @property {string[]} unlike What it has that the default one has not.
 * @property {string | null} default_voice
 * @property {string[]} limits What it cannot do: `trial`, `languages`, `prompt`, `images`, `reasoning`.
 * @property {string[]} languages The only ones that are understood; empty: it is not limited to some.
 * @property {{threshold?: number, silence_duration_ms?: number, prefix_padding_ms?: number}} vad
 */

/** @typedef {OfServer & Stack} ServerState */

export class App extends EventTarget {
  store = new EventStore();
  /** @type {Link | null} The running connection, or the one that ended last. */
  link = null;
  /** @type {Settings} */
  settings = loadSettings();
  /** @type {ServerState | null} Null until the server has answered, and while it is lost. */
  state = null;
  /** @type {string | null} The client secret that opens sessions; in memory alone. */
  secret = null;
  /** @type {import("./talk/server.js").Reach} */
  reach = "unknown";
  t = t;
  notices = new Notices();
  server = new Server(this);
  talk = new Talk(this);

  constructor() {
    super();
    texts.addEventListener("language", () => this.dispatchEvent(new Event("language")));
  }

  /** @param {Link | null} link */
  setLink(link) {
    this.link = link;
    this.dispatchEvent(new Event("link"));
  }

  /** @param {Partial<Settings>} changed */
  changeSettings(changed) {
    this.settings = { ...this.settings, ...changed };
    if ("model" in changed && !this.#speaks(this.settings.voice)) {
      // Another stack has other voices.
      this.settings.voice = "";
    }
    storeSettings(this.settings);
    this.dispatchEvent(new CustomEvent("settings", { detail: Object.keys(changed) }));
  }

  /** @param {ServerState | null} state */
  setState(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  /** @param {import("./talk/server.js").Reach} reach */
  setReach(reach) {
    this.reach = reach;
    if (this.ready || reach === "key") announceReturn(this);
    else if (reach === "reached") announceStart(this);
    this.dispatchEvent(new Event("state"));
  }

  /** The stack that the chosen model's name stands for; null while the server is lost. @returns {Stack | null} */
  get stack() {
    return this.state?.stacks[this.settings.model] ?? this.state;
  }

  /** @param {string} voice */
  #speaks(voice) {
    const voices = this.stack?.voices ?? [];
    return !voices.length || voices.some(({ id }) => id === voice);
  }

  /** Whether a conversation may begin now. */
  get ready() {
    return this.reach === "reached" && this.state?.state === "healthy";
  }

  /**
   * Headers of a request to the server.
   *
   * @returns {Record<string, string>}
   */
  get headers() {
    return this.secret ? { Authorization: `Bearer ${this.secret}` } : {};
  }
}
