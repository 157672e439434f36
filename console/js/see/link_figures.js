/**
 * The connection's figures over time: rates made of counts, and the last minutes kept. Without a
 * page, so that it can be tried without one.
 */

/** @typedef {import('../talk/link.js').Stats} Stats */

/** Figures that are shown, in their order; what a transport does not measure is left out. */
export const FIGURES = /** @type {const} */ ([
  "round_trip_ms",
  "jitter_ms",
  "loss_percent",
  "concealed_ms",
  "buffered_ms",
  "received_kbps",
  "sent_kbps",
]);

/** @typedef {typeof FIGURES[number]} Figure */
/** @typedef {Partial<Record<Figure, number>>} Sample */

/** Samples that are kept: two minutes, at one a second. */
const KEPT = 120;

export class LinkFigures {
  /**
   * Oldest first.
   * @type {Sample[]}
   */
  samples = [];
  /** @type {{stats: Stats, at: number, sounding: boolean} | null} */
  #before = null;
  #concealedMs = 0;

  /**
   * @param {Stats} stats
   * @param {number} at In ms of a clock that runs evenly.
   * @param {boolean} sounding Whether an answer sounds. Only then is made up sound a loss: in the
   *   pauses the server sends nothing, and the browser fills them.
   */
  take(stats, at, sounding) {
    /** @type {Sample} */
    const sample = {};
    for (const name of /** @type {const} */ ([
      "round_trip_ms",
      "jitter_ms",
      "buffered_ms",
    ])) {
      const value = stats[name];
      if (typeof value === "number") sample[name] = value;
    }
    const before = this.#before;
    if (stats.concealed_ms !== null) {
      if (sounding && before?.sounding) {
        this.#concealedMs += Math.max(0, stats.concealed_ms - (before.stats.concealed_ms ?? 0));
      }
      sample.concealed_ms = this.#concealedMs;
    }
    if (before && at > before.at) {
      const perSecond = 8 / (at - before.at);
      sample.received_kbps = (stats.bytes_received - before.stats.bytes_received) * perSecond;
      sample.sent_kbps = (stats.bytes_sent - before.stats.bytes_sent) * perSecond;
      const loss = lossBetween(before.stats, stats);
      if (loss !== null) sample.loss_percent = loss;
    }
    this.#before = { stats, at, sounding };
    this.samples.push(sample);
    if (this.samples.length > KEPT) this.samples.shift();
  }

  /**
   * The course of a figure, oldest first; empty: it is not measured.
   * @param {Figure} name
   */
  course(name) {
    return this.samples.map((sample) => sample[name]).filter((value) => value !== undefined);
  }
}

/**
 * Percent of the packets of a while that never came; null: they are not counted.
 * @param {Stats} before
 * @param {Stats} after
 */
function lossBetween(before, after) {
  if (after.lost_packets === null || after.received_packets === null) return null;
  const lost = Math.max(0, after.lost_packets - (before.lost_packets ?? 0));
  const received = after.received_packets - (before.received_packets ?? 0);
  return lost + received > 0 ? (100 * lost) / (lost + received) : 0;
}
