/**
 * The few figures of a call that people ask for, out of the browser's many.
 */

/** @typedef {import("./link.js").Stats} Stats */

export class CallStats {
  /** How long sound has waited in all, in s, and how many samples have, when it was last looked at. */
  #waited = { seconds: 0, samples: 0 };

  /**
   * @param {RTCStatsReport} report
   * @returns {Stats} What is waiting now is what has waited since the last call of this.
   */
  of(report) {
    const inbound = inboundOf(entries(report));
    const { jitterBufferDelay: seconds = 0, jitterBufferEmittedCount: samples = 0 } = inbound;
    const before = this.#waited;
    this.#waited = { seconds, samples };
    const buffered = ms((seconds - before.seconds) / (samples - before.samples));
    return { ...countsOf(report), buffered_ms: buffered };
  }
}

/** @param {RTCStatsReport} report */
function entries(report) {
  /** @type {Record<string, any>[]} */
  const all = [];
  report.forEach((entry) => all.push(entry));
  return all;
}

/** @param {Record<string, any>[]} all */
function inboundOf(all) {
  return all.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio") ?? {};
}

/**
 * @param {RTCStatsReport} report
 * @returns {Omit<Stats, 'buffered_ms'>}
 */
function countsOf(report) {
  const all = entries(report);
  const one = (/** @type {string} */ type) => all.find((entry) => entry.type === type) ?? {};
  const inbound = inboundOf(all);
  const pair = all.find(({ id }) => id === one("transport").selectedCandidatePairId) ?? {};
  const near = all.find(({ id }) => id === pair.localCandidateId) ?? {};
  const far = all.find(({ id }) => id === pair.remoteCandidateId) ?? {};
  const rate = Number(all.find(({ id }) => id === inbound.codecId)?.clockRate ?? 48000);
  return {
    transport: "webrtc",
    round_trip_ms: ms(pair.currentRoundTripTime),
    jitter_ms: ms(inbound.jitter),
    lost_packets: inbound.packetsLost ?? null,
    received_packets: inbound.packetsReceived ?? null,
    concealed_ms: concealed(inbound, rate),
    bytes_sent: pair.bytesSent ?? 0,
    bytes_received: pair.bytesReceived ?? 0,
    local_address: address(near),
    remote_address: address(far),
  };
}

/** @param {number | undefined} seconds */
function ms(seconds) {
  return typeof seconds === "number" && Number.isFinite(seconds)
    ? Math.round(seconds * 1e4) / 10
    : null;
}

/**
 * Silence is made up, too, and is no loss.
 *
 * @param {Record<string, any>} inbound
 * @param {number} rate
 */
function concealed({ concealedSamples, silentConcealedSamples = 0 }, rate) {
  if (typeof concealedSamples !== "number") return null;
  return Math.round(((concealedSamples - silentConcealedSamples) / rate) * 1000);
}

/** @param {Record<string, any>} candidate */
function address({ address: host, port, protocol }) {
  return host ? `${host}:${port}/${protocol}` : null;
}
