/**
 * Draws the turn detector's observations: the sound's loudness, how likely it is speech, the
 * threshold, and what was decided. It knows a canvas and nothing else.
 */

import { spans } from "./speech_state.js";

/**
 * @typedef {object} Look
 * @property {number} width In CSS pixels.
 * @property {number} height
 * @property {number} from In ms of the session's audio.
 * @property {number} to
 * @property {number} threshold
 * @property {number | null} silenceMs Silence that ends a turn; null: that is not a fixed time.
 * @property {Record<'wave' | 'speech' | 'threshold' | 'turn' | 'mark' | 'text' | 'line', string>} colours
 * @property {string} font
 * @property {(mark: import('./speech_log.js').Mark) => string} name What is written at a mark.
 */

/** Pixels above the waveform, for the names of marks: two rows. */
const TOP = 30;
/** Pixels below, for the times. */
const BOTTOM = 18;
/** The share of the height between them that the waveform has; the curve has the rest. */
const WAVE = 0.42;
/** The probability at whose height the silence is measured: in silence the curve is below. */
const SILENCE_AT = 0.25;
/** Quiet speech would be a line: loudness is drawn as it is heard. */
const LOUDNESS = 0.6;

/**
 * @param {CanvasRenderingContext2D} context Scaled to CSS pixels.
 * @param {import('./speech_log.js').SpeechLog} log
 * @param {Look} look
 */
export function drawScope(context, log, look) {
  const { width, height, from, to, colours } = look;
  const room = height - TOP - BOTTOM;
  const middle = TOP + (room * WAVE) / 2;
  const floor = TOP + room;
  const ceiling = TOP + room * WAVE + 6;
  const { windows, marks } = log.between(from, to);
  /** @param {number} ms */
  const x = (ms) => ((ms - from) / (to - from)) * width;
  /** @param {number} probability */
  const y = (probability) => floor - probability * (floor - ceiling);
  context.clearRect(0, 0, width, height);
  context.font = look.font;

  context.fillStyle = colours.turn;
  for (const span of spans(log)) {
    const end = Math.min(to, span.to ?? log.endMs);
    if (end > from) context.fillRect(x(span.from), TOP, x(end) - x(span.from), room);
  }
  drawTimes(context, look, x, floor);
  drawLevel(context, look, y(0), "0");
  drawLevel(context, look, y(1), "1");

  context.fillStyle = colours.wave;
  const step = Math.max(1, x(from + log.windowMs) - 1);
  for (const { ms, level } of windows) {
    const half = Math.max(0.5, (level ** LOUDNESS * room * WAVE) / 2);
    context.fillRect(x(ms), middle - half, step, 2 * half);
  }

  context.strokeStyle = colours.speech;
  context.lineWidth = 1.75;
  context.beginPath();
  for (const { ms, speech } of windows) context.lineTo(x(ms + log.windowMs / 2), y(speech));
  context.stroke();

  drawThreshold(context, look, y(look.threshold));
  drawSilence(context, log, look, x, y(SILENCE_AT));
  drawMarks(context, marks, look, x, floor);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Look} look
 * @param {number} at
 * @param {string} label
 */
function drawLevel(context, { width, colours }, at, label) {
  context.fillStyle = colours.line;
  context.fillRect(0, at, width, 1);
  context.fillStyle = colours.text;
  context.fillText(label, 2, at - 3);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Look} look
 * @param {(ms: number) => number} x
 * @param {number} floor
 */
function drawTimes(context, { width, from, to, colours }, x, floor) {
  const every = to - from > 20_000 ? 10_000 : to - from > 6000 ? 2000 : 1000;
  context.fillStyle = colours.text;
  for (let ms = Math.max(0, Math.ceil(from / every) * every); ms <= to; ms += every) {
    const label = `${ms / 1000} s`;
    const { width: wide } = context.measureText(label);
    if (x(ms) + wide < width) context.fillText(label, x(ms) + 3, floor + 13);
    context.fillRect(x(ms), floor, 1, 5);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Look} look
 * @param {number} at
 */
function drawThreshold(context, { width, threshold, colours }, at) {
  context.strokeStyle = colours.threshold;
  context.lineWidth = 1.5;
  context.setLineDash([6, 4]);
  context.beginPath();
  context.moveTo(0, at);
  context.lineTo(width, at);
  context.stroke();
  context.setLineDash([]);
  context.fillStyle = colours.threshold;
  const label = threshold.toFixed(2);
  context.fillText(label, width - context.measureText(label).width - 3, at - 4);
}

/**
 * The silence that ends a turn, as a measure laid behind the last sound of speech.
 * @param {CanvasRenderingContext2D} context
 * @param {import('./speech_log.js').SpeechLog} log
 * @param {Look} look
 * @param {(ms: number) => number} x
 * @param {number} middle Where, from the top.
 */
function drawSilence(context, log, { silenceMs, from, to, colours }, x, middle) {
  if (silenceMs === null) return;
  const all = spans(log);
  for (const span of all) {
    const quiet = span.to === null ? log.silenceBefore(log.endMs) : span.quiet;
    const voiced = quiet === null ? null : (span.to ?? log.endMs) - quiet;
    // While somebody speaks the measure would jump from word to word.
    if (voiced === null || (span.to === null && quiet !== null && quiet < 100)) continue;
    if (voiced + silenceMs < from || voiced > to) continue;
    const [left, right] = [x(voiced), x(voiced + silenceMs)];
    context.strokeStyle = context.fillStyle = colours.threshold;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(left, middle - 6);
    context.lineTo(left, middle + 6);
    context.moveTo(left, middle);
    context.lineTo(right, middle);
    context.moveTo(right, middle - 6);
    context.lineTo(right, middle + 6);
    context.stroke();
    // The newest alone is named: they are all as long.
    if (span !== all.at(-1)) continue;
    const label = `${silenceMs} ms`;
    const wide = context.measureText(label).width;
    context.fillText(label, Math.min(left, x(to) - wide - 2), middle - 9);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {import('./speech_log.js').Mark[]} marks
 * @param {Look} look
 * @param {(ms: number) => number} x
 * @param {number} floor
 */
function drawMarks(context, marks, { width, colours, name }, x, floor) {
  // Names of marks that are close take turns in two rows; what still has no room has its line.
  const ends = [-Infinity, -Infinity];
  for (const mark of marks) {
    const at = x(mark.at_ms);
    context.fillStyle = colours.mark;
    context.fillRect(at - 0.5, TOP - 4, mark.what === "hesitated" ? 1 : 1.75, floor - TOP + 4);
    const label = name(mark);
    const wide = context.measureText(label).width;
    const left = Math.min(Math.max(0, at - 2), width - wide);
    const row = ends.findIndex((end) => left > end + 6);
    if (row < 0) continue;
    ends[row] = left + wide;
    context.fillText(label, left, 10 + row * 13);
  }
}
