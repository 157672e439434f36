/**
 * A session over a WebSocket: this page records, plays, and tells the server how much was heard.
 */

import { closedWords } from "./ended.js";
import { Level } from "./level.js";
import { Link } from "./link.js";
import { Player, RATE } from "./player.js";

export class WebSocketLink extends Link {
  #socket;
  #context = new AudioContext({ sampleRate: RATE });
  #speaker = new Level(this.#context);
  #player;
  /** @type {AudioWorkletNode | null} */
  #capture = null;
  #listening = false;
  /** What was asked for last: what was asked for before it and still waits comes too late. */
  #wanted = false;
  #closing = false;
  #sent = 0;
  #received = 0;
  /** @type {(() => void)[]} Those who wait for the rest of what was heard. */
  #flushed = [];

  /**
   * @param {string} url
   * @param {string | null} secret
   * @param {import("../see/event_store.js").EventStore} store
   */
  constructor(url, secret, store) {
    super("websocket", store);
    this.#speaker.node.connect(this.#context.destination);
    this.#player = new Player(this.#context, this.#speaker.node);
    this.#player.addEventListener("heard", (event) => {
      const { detail } = /** @type {CustomEvent} */ (event);
      this.dispatchEvent(new CustomEvent("heard", { detail }));
      this.dispatchEvent(new Event("playing"));
    });
    this.#player.addEventListener("drained", () => this.dispatchEvent(new Event("playing")));
    void this.#context.resume();
    const protocols = ["realtime", ...(secret ? [`openai-insecure-api-key.${secret}`] : [])];
    this.#socket = new WebSocket(url, protocols);
    this.#socket.onopen = () => this.become("open");
    this.#socket.onmessage = ({ data }) => {
      this.#received += data.length;
      this.took(data);
    };
    this.#socket.onclose = ({ code, reason }) => this.#end(code, reason);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #end(code, reason) {
    if (this.status === "closed") return;
    for (const { itemId, ms } of this.#player.interrupt()) this.cut.set(itemId, ms);
    this.#capture?.disconnect();
    void this.#context.close();
    this.finish(closedWords(this.#closing ? 1000 : code, reason));
  }

  /** @override @param {string} text */
  transmit(text) {
    this.#sent += text.length;
    this.#socket.send(text);
  }

  /** @override @param {import("./link.js").RealtimeEvent} event */
  received(event) {
    if (event.type === "response.output_audio.delta") {
      const { item_id, response_id, delta } = event;
      if (!this.isUnwanted(response_id)) this.#player.add(item_id, response_id, fromBase64(delta));
      else if (this.#player.refuse(item_id)) this.#truncate(item_id, 0);
    } else if (event.type === "input_audio_buffer.speech_started") {
      const detection = this.session?.audio?.input?.turn_detection;
      if (detection?.interrupt_response !== false) this.silence();
    }
  }

  /** @override */
  silence() {
    for (const { itemId, ms } of this.#player.interrupt()) this.#truncate(itemId, ms);
  }

  /**
   * Let the server know how much was heard.
   *
   * @param {string} item_id
   * @param {number} audio_end_ms
   */
  #truncate(item_id, audio_end_ms) {
    this.send({ type: "conversation.item.truncate", item_id, content_index: 0, audio_end_ms });
  }

  /** @override */
  close() {
    this.#closing = true;
    this.#socket.close(1000);
  }

  /** @override @param {import("./microphone.js").Microphone | null} microphone */
  async setMicrophone(microphone) {
    this.#capture?.disconnect();
    this.#capture = null;
    this.adopt(microphone);
    if (!microphone) return;
    const { context } = microphone;
    try {
      await context.audioWorklet.addModule(new URL("capture_worklet.js", import.meta.url));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      // It comes from the server, which is gone; or the microphone is, and nobody waits for it.
      if (this.microphone === microphone) this.#end(1006, error.message);
      return;
    }
    if (this.microphone !== microphone || context.state === "closed") return;
    const options = { channelCount: 1, channelCountMode: /** @type {const} */ ("explicit") };
    const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0, ...options });
    capture.port.onmessage = ({ data }) => this.#hear(data);
    microphone.node.connect(capture);
    this.#capture = capture;
  }

  /** @param {{pcm: Int16Array, flushed: boolean}} heard */
  #hear({ pcm, flushed }) {
    if (this.#listening && pcm.length) {
      this.send({ type: "input_audio_buffer.append", audio: toBase64(pcm) });
    }
    if (flushed) this.#flushed.shift()?.();
  }

  /** @override @param {boolean} listening */
  async setListening(listening) {
    this.#wanted = listening;
    // What was heard until now belongs to the time before.
    if (this.#capture && this.#listening !== listening) {
      const { port } = this.#capture;
      await new Promise((resolve) => {
        this.#flushed.push(() => resolve(null));
        port.postMessage(null);
      });
    }
    if (this.#wanted === listening) this.#listening = listening;
  }

  /** @override @param {string} device */
  async setLoudspeaker(device) {
    if ("setSinkId" in this.#context) {
      await /** @type {any} */ (this.#context).setSinkId(device);
    }
  }

  /** @override */
  get playing() {
    return this.#player.playing;
  }

  /** @override */
  speakerLevel() {
    return this.#speaker.now();
  }

  /** @override @param {string} itemId */
  heardMs(itemId) {
    return this.#player.heardMs(itemId);
  }

  /** @override @returns {Promise<import("./link.js").Stats>} */
  async stats() {
    return {
      transport: "websocket",
      round_trip_ms: null,
      jitter_ms: null,
      lost_packets: null,
      received_packets: null,
      concealed_ms: null,
      bytes_sent: this.#sent,
      bytes_received: this.#received,
      buffered_ms: Math.round(this.#player.bufferedMs),
      local_address: null,
      remote_address: location.host,
    };
  }
}

/** @param {Int16Array} pcm */
function toBase64(pcm) {
  return btoa(String.fromCharCode(...new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength)));
}

/** @param {string} text */
function fromBase64(text) {
  return new Int16Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
}
