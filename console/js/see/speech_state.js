/**
 * What a reader wants to know of the turn detector's observations: whether somebody speaks, how long
 * it has been quiet, and how the last turns ended. Numbers and no drawing.
 */

/** @typedef {import('./speech_log.js').SpeechLog} SpeechLog */

/**
 * A stretch of speech, from its onset to its end.
 * @typedef {object} Span
 * @property {number} from In ms of the session's audio.
 * @property {number | null} to Null: it goes on.
 * @property {number | null} quiet Milliseconds of silence that ended it.
 * @property {number | null} complete How complete it sounded at its last pause, 0–1.
 */

/**
 * The turns of the last minute, oldest first. One whose beginning is older begins with the log.
 * @param {SpeechLog} log
 * @returns {Span[]}
 */
export function spans(log) {
  /** @type {Span[]} */
  const found = [];
  /** @type {Span | null} */
  let open = null;
  const first = log.windows[0]?.ms ?? 0;
  for (const mark of log.marks) {
    // The server's own voice is no turn.
    if (mark.what === "echo") continue;
    if (mark.what === "started" || !open) {
      open = {
        from: mark.what === "started" ? mark.at_ms : first,
        to: null,
        quiet: null,
        complete: null,
      };
      found.push(open);
    }
    if (mark.complete !== null) open.complete = mark.complete;
    if (mark.what === "stopped") {
      open.to = mark.at_ms;
      open.quiet = log.silenceBefore(mark.at_ms);
      open = null;
    }
  }
  return found;
}

/**
 * How it is at the last window.
 * @param {SpeechLog} log
 */
export function now(log) {
  const last = log.windows.at(-1);
  const speaking = spans(log).at(-1)?.to === null;
  const quietMs = log.silenceBefore(log.endMs) ?? 0;
  return { speech: last?.speech ?? 0, level: last?.level ?? 0, speaking, quietMs };
}
