/**
 * What the server says of itself, asked for when the page opens, when a key was given, and when the
 * server is back; and the watch for a server that was lost.
 */

/** Milliseconds between two questions to a server that is starting, or that is gone. */
const EVERY_MS = 2000;

/**
 * Why a key opens nothing.
 *
 * @typedef {{text: string, values?: Record<string, string>, keep: boolean}} Refusal `text`: the key of a text; `keep`:
 *   the key itself may be good.
 */

/** @typedef {'unknown' | 'reached' | 'key' | 'lost'} Reach `key`: it wants one first. */

export class Server {
  #app;
  #again = 0;

  /** @param {import('../app.js').App} app */
  constructor(app) {
    this.#app = app;
  }

  /** Ask the server for its state, again and again until it is ready. */
  async ask() {
    clearTimeout(this.#again);
    try {
      const answer = await fetch("/console/state", { headers: this.#app.headers });
      if (answer.status === 401) {
        this.#app.secret = null;
        return this.#app.setReach("key");
      }
      if (!answer.ok) return this.lost();
      const state = await answer.json();
      this.#app.setState(state);
      this.#app.setReach("reached");
      if (state.state !== "healthy") this.#later();
    } catch {
      this.lost();
    }
  }

  /** It is gone: look for it until it is back. */
  lost() {
    this.#app.setReach("lost");
    this.#later();
  }

  #later() {
    clearTimeout(this.#again);
    this.#again = window.setTimeout(() => void this.ask(), EVERY_MS);
  }

  /** @returns {Promise<boolean>} Whether a conversation may begin; where a key is needed, it is asked for. */
  async ready() {
    if (!this.#app.ready) await this.ask();
    if (this.#app.reach === "key") this.#app.dispatchEvent(new Event("key"));
    return this.#app.ready;
  }

  /** @returns {Promise<boolean>} Whether the server can be reached now. */
  async reachable() {
    try {
      return (await fetch("/health", { cache: "no-store" })).ok;
    } catch {
      return false;
    }
  }

  /**
   * Exchange an API key for a secret that can do nothing but talk, and forget the key.
   *
   * @param {string} key
   * @returns {Promise<Refusal | null>} Null: the key is good.
   */
  async enter(key) {
    // Nothing else can be in a header.
    if (!/^[\x21-\x7e]+$/.test(key)) return { text: "key_characters", keep: true };
    try {
      return await this.#exchange(key);
    } catch (error) {
      // What fetch throws where there is no answer, and what parsing throws where it is cut off.
      if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
      return { text: "key_unreachable", values: { host: location.host }, keep: true };
    }
  }

  /**
   * @param {string} key
   * @returns {Promise<Refusal | null>}
   */
  async #exchange(key) {
    const headers = { Authorization: `Bearer ${key}` };
    const asked = await fetch("/console/state", { headers });
    if (!asked.ok) return problem(asked);
    /** @type {import('../app.js').ServerState} */
    const state = await asked.json();
    const minted = await fetch(`${state.ws_path}/client_secrets`, {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/json" },
      body: JSON.stringify({ expires_after: { anchor: "created_at", seconds: 7200 } }),
    });
    if (!minted.ok) return problem(minted);
    this.#app.secret = (await minted.json()).value;
    this.#app.setState(state);
    this.#app.setReach("reached");
    if (state.state !== "healthy") this.#later();
    return null;
  }
}

/**
 * @param {Response} answer
 * @returns {Promise<Refusal>}
 */
async function problem(answer) {
  const body = await answer.json().catch(() => null);
  const reason = String(body?.error?.message ?? `HTTP ${answer.status}`);
  return { text: "key_refused", values: { reason }, keep: answer.status !== 401 };
}
