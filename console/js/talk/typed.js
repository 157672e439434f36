/**
 * What was typed, as events. Pure.
 */

/**
 * @param {string} text
 * @param {string[]} images Data URLs.
 * @returns {import("./link.js").RealtimeEvent[]}
 */
export function typed(text, images) {
  // Each in an event of its own: one of a data channel has room for one picture.
  const parts = [
    ...images.map((image_url) => ({ type: "input_image", image_url })),
    ...(text ? [{ type: "input_text", text }] : []),
  ];
  const creations = parts.map((part) => {
    const id = `msg_${crypto.getRandomValues(new Uint32Array(3)).join("")}`.slice(0, 32);
    return {
      type: "conversation.item.create",
      event_id: id,
      item: { id, type: "message", role: "user", content: [part] },
    };
  });
  return [...creations, { type: "response.create" }];
}

/**
 * What waits for a session, and what was typed since: all of it gets one answer.
 *
 * @param {import("./link.js").RealtimeEvent[]} waiting
 * @param {import("./link.js").RealtimeEvent[]} events As `typed` makes them.
 */
export function queued(waiting, events) {
  return [...waiting.filter(({ type }) => type !== "response.create"), ...events];
}
