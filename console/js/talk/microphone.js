/**
 * The reader's microphone, which may be muted or changed for another one while it is in use.
 */

import { Level } from "./level.js";

/**
 * Why there is no microphone: `insecure`, the page is not on HTTPS or this machine; `denied`, the
 * reader or a policy said no; `missing`, there is none; `busy`, another program has it.
 *
 * @typedef {'insecure' | 'denied' | 'missing' | 'busy'} Obstacle
 */

export class NoMicrophone extends Error {
  /**
   * @param {Obstacle} obstacle
   * @param {string} detail What the browser says.
   */
  constructor(obstacle, detail) {
    super(detail);
    this.obstacle = obstacle;
  }
}

/** @type {Record<string, Obstacle>} */
const OBSTACLES = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

/**
 * Ask for a microphone.
 *
 * @param {string} device Its id; empty: the browser's default.
 * @returns {Promise<MediaStream>}
 */
async function open(device) {
  if (!navigator.mediaDevices) throw new NoMicrophone("insecure", "no mediaDevices");
  const audio = {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    ...(device ? { deviceId: { exact: device } } : {}),
  };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const { name, message } = /** @type {DOMException} */ (error);
    // A device that was chosen on an earlier day may be gone.
    if (device && OBSTACLES[name] === "missing") return open("");
    throw new NoMicrophone(OBSTACLES[name] ?? "busy", message);
  }
}

export class Microphone extends EventTarget {
  #context;
  #level;
  #stream;
  /** @type {MediaStreamAudioSourceNode} */
  #source;
  #muted = false;

  /**
   * Ask the reader for the microphone.
   *
   * @param {string} device
   * @throws {NoMicrophone}
   */
  static async open(device) {
    return new Microphone(await open(device));
  }

  /** @param {MediaStream} stream */
  constructor(stream) {
    super();
    this.#context = new AudioContext();
    this.#level = new Level(this.#context);
    this.#stream = stream;
    this.#source = this.#listen(stream);
  }

  /** @param {MediaStream} stream */
  #listen(stream) {
    for (const track of stream.getAudioTracks()) {
      track.enabled = !this.#muted;
      track.onended = () => this.dispatchEvent(new Event("lost"));
    }
    const source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    source.connect(this.#level.node);
    return source;
  }

  /** @returns {AudioContext} Runs at the device's own rate: some browsers connect no other. */
  get context() {
    return this.#context;
  }

  /** @returns {AudioNode} What is heard, also after a change of the device. */
  get node() {
    return this.#level.node;
  }

  /** @returns {MediaStreamTrack} */
  get track() {
    return /** @type {MediaStreamTrack} */ (this.#stream.getAudioTracks()[0]);
  }

  level() {
    return this.#muted ? 0 : this.#level.now();
  }

  /** @param {boolean} muted Silence goes on being heard, so that a turn in progress can end. */
  setMuted(muted) {
    this.#muted = muted;
    for (const track of this.#stream.getAudioTracks()) track.enabled = !muted;
  }

  /**
   * Hear with another device. Fires `track`.
   *
   * @param {string} device
   * @throws {NoMicrophone}
   */
  async change(device) {
    const stream = await open(device);
    this.#drop();
    this.#stream = stream;
    this.#source = this.#listen(stream);
    this.dispatchEvent(new Event("track"));
  }

  #drop() {
    this.#source.disconnect();
    for (const track of this.#stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
  }

  close() {
    this.#drop();
    void this.#context.close();
  }
}
