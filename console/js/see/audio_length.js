/**
 * Audio within events: the log keeps its length in place of its base64, which is most of what passes
 * and tells a reader nothing.
 */

/** @typedef {import('./types.js').WireEvent} WireEvent */

/** Bytes of a millisecond of PCM at 24 kHz, 16 bits, mono: what the console asks for. */
const BYTES_PER_MS = 48;

/**
 * What stands in the log in place of base64. Brackets are no base64, so it cannot be taken for some.
 * @param {string} base64
 */
export function audioLength(base64) {
  return `[${base64.length} characters of base64]`;
}

/**
 * The event as it is logged.
 * @param {WireEvent} event
 * @returns {WireEvent}
 */
export function withoutAudio(event) {
  const field = event.type === 'input_audio_buffer.append' ? 'audio' : 'delta';
  const audible = field === 'audio' || event.type === 'response.output_audio.delta';
  if (!audible || typeof event[field] !== 'string' || event[field].startsWith('[')) return event;
  return { ...event, [field]: audioLength(event[field]) };
}

/**
 * Milliseconds of audio in a `delta` or `audio` field: of its base64, or of what stands in its place.
 * @param {unknown} field
 */
export function audioMs(field) {
  if (typeof field === 'number') return (field * 3) / 4 / BYTES_PER_MS;
  const text = String(field ?? '');
  const characters = /^\[(\d+)/.exec(text)?.[1] ?? text.length;
  return (Number(characters) * 3) / 4 / BYTES_PER_MS;
}
