/**
 * A session as a WebRTC call: the browser records and plays, the server knows how much was heard.
 */

import { closedWords, hungUp, notConnected } from "./ended.js";
import { Level } from "./level.js";
import { Link } from "./link.js";
import { CallStats } from "./webrtc_stats.js";

/** Milliseconds after which a way that was not found will not be found. */
const PATIENCE_MS = 15000;
/** Root mean square of sound that is certainly none of a codec's own noise. */
const AUDIBLE = 0.002;
/** Milliseconds of sound that may be on the way to the server when a key is let go. */
const ON_THE_WAY_MS = 120;

export class WebRTCLink extends Link {
  /** `[]`: the server is reached directly, and nobody else is asked for anything. */
  #connection = new RTCPeerConnection({ iceServers: [] });
  #channel = this.#connection.createDataChannel("oai-events");
  #sender = this.#connection.addTransceiver("audio", { direction: "sendrecv" }).sender;
  #context = new AudioContext();
  #speaker = new Level(this.#context);
  #volume = new GainNode(this.#context);
  #audio = new Audio();
  #figures = new CallStats();
  #answer = "";
  /** The error with which the server ends a session: a channel closes without a reason. */
  #lastWords = "";
  #listening = false;
  /** What was asked for last: what was asked for before it and still waits comes too late. */
  #wanted = false;
  #patience = 0;
  /** The response that sounds: since when, and the item whose sound it is. */
  #sounding = { responseId: "", itemId: "", since: 0 };
  /** Whether the server was told to stop what sounds, and has not done so yet. */
  #clearing = false;
  /** @type {Map<string, string>} Response → its first message. */
  #items = new Map();
  /** @type {Map<string, number>} Item → milliseconds that were heard. */
  #heard = new Map();

  /**
   * @param {string} url Where the offer goes.
   * @param {Record<string, string>} headers
   * @param {import("../see/event_store.js").EventStore} store
   */
  constructor(url, headers, store) {
    super("webrtc", store);
    void this.#context.resume();
    this.#audio.autoplay = true;
    this.#connection.ontrack = ({ track }) => this.#play(new MediaStream([track]));
    this.#connection.onconnectionstatechange = () => this.#changed();
    this.#channel.onopen = () => {
      clearTimeout(this.#patience);
      this.become("open");
    };
    this.#channel.onmessage = ({ data }) => this.took(data);
    this.#channel.onclose = () => this.#end(hungUp(this.#lastWords));
    this.#patience = window.setTimeout(() => this.#unreached(), PATIENCE_MS);
    void this.#call(url, headers);
  }

  /**
   * @param {string} url
   * @param {Record<string, string>} headers
   */
  async #call(url, headers) {
    await this.#connection.setLocalDescription(await this.#connection.createOffer());
    const body = this.#connection.localDescription?.sdp ?? "";
    const asked = { ...headers, "Content-Type": "application/sdp" };
    try {
      const answer = await fetch(url, { method: "POST", headers: asked, body });
      if (!answer.ok) return this.#end(await refusal(answer));
      this.callId = answer.headers.get("Location")?.split("/").at(-1) ?? null;
      this.#answer = await answer.text();
    } catch (error) {
      return this.#end(closedWords(1006, String(error)));
    }
    if (this.status === "closed") return;
    try {
      await this.#connection.setRemoteDescription({ type: "answer", sdp: this.#answer });
    } catch (error) {
      this.#end(closedWords(4000, String(error)));
    }
  }

  /** @param {MediaStream} stream */
  #play(stream) {
    this.#audio.srcObject = stream;
    new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream })
      .connect(this.#volume)
      .connect(this.#speaker.node);
  }

  /**
   * Hear nothing of what was stopped: it takes a while until the server knows, and what was on the
   * way then is still to come.
   */
  #mute() {
    this.#audio.muted = true;
    this.#volume.gain.value = 0;
  }

  #unmute() {
    this.#audio.muted = false;
    this.#volume.gain.value = 1;
  }

  #changed() {
    const state = this.#connection.connectionState;
    if (state === "failed") this.#unreached();
    // Before the browser gives up: perhaps the server is gone, which is seen at once elsewhere.
    else if (state === "disconnected") this.dispatchEvent(new Event("doubtful"));
  }

  #unreached() {
    if (this.status === "open") this.#end(closedWords(1006, ""));
    else this.#end(notConnected(this.#answer, location.hostname));
  }

  /** The page knows by other means that the server is gone. */
  giveUp() {
    this.#end(closedWords(1006, ""));
  }

  /** @param {import("./ended.js").Ended} ended */
  #end(ended) {
    if (this.status === "closed") return;
    clearTimeout(this.#patience);
    const { itemId } = this.#sounding;
    if (itemId) this.cut.set(itemId, this.heardMs(itemId));
    this.#channel.onclose = null;
    this.#connection.close();
    this.#audio.srcObject = null;
    if (this.#context.state !== "closed") void this.#context.close();
    this.finish(ended);
  }

  /** @override @param {string} text */
  transmit(text) {
    this.#channel.send(text);
  }

  /** @override @param {import("./link.js").RealtimeEvent} event */
  received(event) {
    if (event.type === "response.created") {
      if (!this.#clearing && !this.stopping) this.#unmute();
    } else if (event.type === "response.output_item.added" && event.item.type === "message") {
      if (!this.#items.has(event.response_id)) this.#items.set(event.response_id, event.item.id);
    } else if (event.type === "output_audio_buffer.started") {
      this.#started(event.response_id);
    } else if (/^output_audio_buffer\.(stopped|cleared)$/.test(event.type)) {
      this.#settle();
      this.#sounding = { responseId: "", itemId: "", since: 0 };
      this.#clearing = false;
      this.dispatchEvent(new Event("playing"));
    } else if (event.type === "error") {
      const { code, type, message } = event.error;
      if (code === "session_expired" || type === "server_error") this.#lastWords = message;
    } else if (event.type === "conversation.item.truncated") {
      this.#heard.set(event.item_id, event.audio_end_ms);
    }
  }

  /** @param {string} responseId */
  #started(responseId) {
    const itemId = this.#items.get(responseId) ?? "";
    this.#sounding = { responseId, itemId, since: 0 };
    this.dispatchEvent(new Event("playing"));
    if (this.isUnwanted(responseId)) this.silence();
    else this.#unmute();
    const detail = { item_id: itemId, response_id: responseId };
    const timer = setInterval(() => {
      const here = this.#sounding.responseId === responseId && this.status === "open";
      if (here && this.#speaker.now() < AUDIBLE) return;
      clearInterval(timer);
      if (!here) return;
      this.#sounding.since = performance.now();
      this.dispatchEvent(new CustomEvent("heard", { detail }));
    }, 10);
  }

  /** What sounded until now has been heard. */
  #settle() {
    const { itemId, since } = this.#sounding;
    if (itemId && since) this.#heard.set(itemId, this.heardMs(itemId));
  }

  /** @override */
  silence() {
    if (this.#sounding.responseId) {
      this.send({ type: "output_audio_buffer.clear" });
      this.#clearing = true;
    }
    if (this.#clearing || this.stopping) this.#mute();
  }

  /** @override */
  close() {
    this.#end(closedWords(1000, ""));
  }

  /** @override @param {import("./microphone.js").Microphone | null} microphone */
  async setMicrophone(microphone) {
    this.microphone?.removeEventListener("track", this.#replace);
    this.adopt(microphone);
    microphone?.addEventListener("track", this.#replace);
    await this.#replace();
  }

  #replace = async () => {
    if (this.status === "closed") return;
    const track = this.#listening ? (this.microphone?.track ?? null) : null;
    await this.#sender.replaceTrack(track).catch((error) => {
      // The call may have ended meanwhile, and then nobody hears the track.
      if (this.status !== "closed") throw error;
    });
  };

  /** @override @param {boolean} listening */
  async setListening(listening) {
    this.#wanted = listening;
    if (this.#listening && !listening) {
      await new Promise((resolve) => setTimeout(resolve, ON_THE_WAY_MS));
    }
    if (this.#wanted !== listening) return;
    this.#listening = listening;
    await this.#replace();
  }

  /** @override @param {string} device */
  async setLoudspeaker(device) {
    if ("setSinkId" in this.#audio) await this.#audio.setSinkId(device);
  }

  /** @override */
  get playing() {
    return this.#sounding.responseId !== "";
  }

  /** @override */
  get messageLimit() {
    return this.#connection.sctp?.maxMessageSize ?? 262144;
  }

  /** @override */
  speakerLevel() {
    return this.#speaker.now();
  }

  /** @override @param {string} itemId */
  heardMs(itemId) {
    const { itemId: sounding, since } = this.#sounding;
    const now = sounding === itemId && since ? performance.now() - since : 0;
    return Math.max(Math.floor(now), this.#heard.get(itemId) ?? 0);
  }

  /** @override */
  async stats() {
    return this.#figures.of(await this.#connection.getStats());
  }
}

/**
 * Why the server did not take the offer.
 *
 * @param {Response} answer
 * @returns {Promise<import("./ended.js").Ended>}
 */
async function refusal(answer) {
  const body = await answer.json().catch(() => null);
  const reason = String(body?.error?.message ?? `HTTP ${answer.status}`);
  if (answer.status === 401) return closedWords(3000, reason);
  if (answer.status === 429) return closedWords(1013, reason);
  if (answer.status === 501) {
    const words = "ended_takes_no_calls";
    return { code: null, reason, words, remedy: "websocket", lost: false };
  }
  return closedWords(4000, reason);
}
