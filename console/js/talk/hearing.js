/**
 * The microphone of a conversation, from the question whether it may be used to its end, and what is said where
 * there is none. Fires `changed` when there is one, or none any more.
 */

import { Microphone, NoMicrophone } from "./microphone.js";

export class Hearing extends EventTarget {
  /** @type {Microphone | null} */
  microphone = null;
  #app;

  /** @param {import("../app.js").App} app */
  constructor(app) {
    super();
    this.#app = app;
  }

  /** Ask for the microphone that was chosen, unless there is one; without it the conversation goes on. */
  async open() {
    if (this.microphone) return;
    try {
      const microphone = await Microphone.open(this.#app.settings.microphone);
      microphone.addEventListener("lost", () => void this.change(""));
      this.microphone = microphone;
      this.#app.dispatchEvent(new Event("microphone"));
    } catch (error) {
      this.#tell(error);
    }
  }

  /** @param {string} device The one to hear with from now on. */
  async change(device) {
    try {
      await this.microphone?.change(device);
    } catch (error) {
      this.#tell(error);
      // What is left of it hears nothing.
      this.close();
      await this.#app.link?.setMicrophone(null);
      this.dispatchEvent(new Event("changed"));
    }
  }

  close() {
    this.microphone?.close();
    this.microphone = null;
  }

  /** @param {unknown} error */
  #tell(error) {
    if (!(error instanceof NoMicrophone)) throw error;
    const { obstacle, message: detail } = error;
    const values = { host: location.host, port: location.port || "443", detail };
    const id = "microphone";
    this.#app.notices.show({ id, kind: "warn", text: `microphone_${obstacle}`, values });
  }
}
