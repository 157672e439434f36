/**
 * What was said, as items with which another session goes on where the last one was lost.
 */

/** @typedef {import("./link.js").RealtimeEvent} RealtimeEvent */

/**
 * @param {{direction: string, event: RealtimeEvent}[]} entries The log.
 * @returns {RealtimeEvent[]} Events that tell a new session of it, under the ids it had.
 */
export function retold(entries) {
  /** @type {Map<string, {role: string, text: string}>} */
  const said = new Map();
  for (const { direction, event } of entries) {
    if (direction !== "received") continue;
    const { type } = event;
    if (type === "conversation.item.added" || type === "conversation.item.done") {
      const { id, type: kind, role, content } = event.item;
      if (kind !== "message") continue;
      const text = words(content);
      said.set(id, { role, text: text || (said.get(id)?.text ?? "") });
    } else if (type === "conversation.item.input_audio_transcription.completed") {
      const item = said.get(event.item_id);
      if (item) item.text = event.transcript;
    } else if (type === "conversation.item.deleted") {
      said.delete(event.item_id);
    }
  }
  return [...said].flatMap(([id, { role, text }]) => {
    if (!text) return [];
    const part = { type: role === "assistant" ? "output_text" : "input_text", text };
    const item = { id, type: "message", role, content: [part] };
    return [{ type: "conversation.item.create", item }];
  });
}

/** @param {Record<string, any>[]} content */
function words(content) {
  return content
    .map(({ text, transcript }) => text ?? transcript ?? "")
    .filter(Boolean)
    .join("\n");
}
