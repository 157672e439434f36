/**
 * Times as they are written in the views.
 */

/**
 * Milliseconds since the start: `0.000`, `12.345`, `1:02.345`.
 * @param {number} ms
 */
export function offset(ms) {
  const seconds = ms / 1000;
  if (seconds < 60) return seconds.toFixed(3);
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - minutes * 60).toFixed(3).padStart(6, "0")}`;
}

/**
 * Milliseconds behind another event: `+3`, `+1.20 s`.
 * @param {number} ms
 */
export function since(ms) {
  const shown = Math.max(0, ms);
  return shown < 1000 ? `+${Math.round(shown)}` : `+${(shown / 1000).toFixed(2)} s`;
}

/**
 * The reader's time of day.
 * @param {number} ms Since 1970.
 */
export function clockTime(ms) {
  const date = new Date(ms);
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const fraction = String(date.getMilliseconds()).padStart(3, "0");
  return `${[hours, minutes, seconds].map((part) => String(part).padStart(2, "0")).join(":")}.${fraction}`;
}
