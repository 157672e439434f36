/**
 * Events as they are logged: without their sound, which would be most of the page's memory.
 */

/** @typedef {import("../see/event_store.js").WireEvent} WireEvent */

/**
 * @param {WireEvent} event
 * @returns {WireEvent}
 */
export function withoutAudio(event) {
  const { type } = event;
  if (type === "response.output_audio.delta") return { ...event, delta: length(event.delta) };
  if (type === "input_audio_buffer.append") return { ...event, audio: length(event.audio) };
  const content = event.item?.content;
  if (!Array.isArray(content) || !content.some((part) => part.audio)) return event;
  const parts = content.map((part) => (part.audio ? { ...part, audio: length(part.audio) } : part));
  return { ...event, item: { ...event.item, content: parts } };
}

/** @param {string} base64 */
function length(base64) {
  return `(${base64.length} characters of base64)`;
}
