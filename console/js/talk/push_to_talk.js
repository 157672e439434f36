/**
 * A turn that the reader begins and ends by hand (`docs/wire.md` §B.4).
 */

/** Milliseconds of a key held that are certainly no turn. */
const TAP_MS = 200;
/** Milliseconds in which it can be read how turns are made by hand. */
const READ_MS = 6000;

export class PushToTalk extends EventTarget {
  /** When it was pressed; null: it is not held. @type {number | null} */
  #since = null;
  #read = 0;
  #app;

  /** @param {import("../app.js").App} app */
  constructor(app) {
    super();
    this.#app = app;
  }

  get held() {
    return this.#since !== null;
  }

  /**
   * The reader speaks from now on: what is answered is interrupted.
   *
   * @param {import("./link.js").Link} link
   */
  async hold(link) {
    if (this.held) return;
    this.#become(performance.now());
    this.#app.notices.drop("tap");
    link.interrupt();
    link.send({ type: "input_audio_buffer.clear" });
    await link.setListening(true);
  }

  /**
   * The turn is over, and wants an answer.
   *
   * @param {import("./link.js").Link} link
   */
  async release(link) {
    const since = this.#since;
    if (since === null) return;
    const held = performance.now() - since;
    this.#become(null);
    await link.setListening(false);
    if (held < TAP_MS) {
      link.send({ type: "input_audio_buffer.clear" });
      this.#app.notices.show({ id: "tap", kind: "info", text: "hold_longer" });
      clearTimeout(this.#read);
      this.#read = setTimeout(() => this.#app.notices.drop("tap"), READ_MS);
      return;
    }
    link.send({ type: "input_audio_buffer.commit" });
    link.send({ type: "response.create" });
  }

  /** It is not held any more, and nothing follows. */
  drop() {
    this.#app.notices.drop("tap");
    this.#become(null);
  }

  /** @param {number | null} since */
  #become(since) {
    this.#since = since;
    this.dispatchEvent(new Event("changed"));
  }
}
