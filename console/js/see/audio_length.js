/**
 * The length of audio within events, of which the log keeps how long its base64 is: that is most of
 * what passes, and tells a reader nothing.
 */

/** Bytes of a millisecond of PCM at 24 kHz, 16 bits, mono: what the console asks for. */
const BYTES_PER_MS = 48;

/**
 * Milliseconds of audio: of its base64, or of `(6400 characters of base64)` in its place.
 * @param {string} field
 */
export function audioMs(field) {
  const characters = /^\((\d+)/.exec(field)?.[1] ?? field.length;
  return (Number(characters) * 3) / 4 / BYTES_PER_MS;
}
