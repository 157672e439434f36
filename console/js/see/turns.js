/**
 * What a conversation is made of: messages, calls of tools, and notes on what happened beside them.
 */

/** @typedef {import('./event_store.js').WireEvent} WireEvent */

/**
 * A part of a message: what is read, what is spoken, or a picture.
 * @typedef {object} Part
 * @property {'text' | 'audio' | 'image'} type
 * @property {string} text Words; the address of a picture.
 * @property {number} soundMs Milliseconds of sound, as far as known.
 */

/**
 * Where an answer was cut.
 * @typedef {{ms: number, heard: number}} Cut `heard` counts characters of the part's words.
 */

/**
 * @typedef {object} Message
 * @property {'message'} kind
 * @property {string} id
 * @property {'user' | 'assistant' | 'system'} role
 * @property {Part[]} parts
 * @property {'listening' | 'waiting' | 'streaming' | 'done'} progress
 * @property {boolean} complete False: the answer was stopped before its end.
 * @property {Cut | null} cut
 */

/**
 * @typedef {object} Call
 * @property {'call'} kind
 * @property {string} id
 * @property {string} callId
 * @property {string} name
 * @property {string} arguments
 * @property {'streaming' | 'done'} progress
 * @property {string | null} output Null: no result yet.
 */

/**
 * Something to be told in words: the key of a text, and its values.
 * @typedef {object} Note
 * @property {'note'} kind
 * @property {string} id
 * @property {'info' | 'problem'} level
 * @property {string} text Key of a text.
 * @property {Record<string, string | number>} values
 */

/** @typedef {Message | Call | Note} Turn */

/** @param {WireEvent} item @returns {any[]} */
export function contents(item) {
  return Array.isArray(item.content) ? item.content : [];
}

/** @param {string} id @param {string} role @returns {Message} */
export function message(id, role) {
  const known = role === "assistant" || role === "system" ? role : "user";
  const progress = known === "user" ? "waiting" : "streaming";
  return { kind: "message", id, role: known, parts: [], progress, complete: true, cut: null };
}

/** @param {WireEvent} item @returns {Call} */
export function toolCall(item) {
  const { id, call_id: callId = item.id, name, arguments: given = "" } = item;
  return { kind: "call", id, callId, name, arguments: given, progress: "streaming", output: null };
}

/** @param {Message} turn */
export function audioPart(turn) {
  const found = turn.parts.find((part) => part.type === "audio");
  if (found) return found;
  /** @type {Part} */
  const part = { type: "audio", text: "", soundMs: 0 };
  turn.parts.push(part);
  return part;
}
