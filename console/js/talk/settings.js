/**
 * What the reader chose, kept in the browser between visits. Keys are not among it.
 *
 * @typedef {object} Settings
 * @property {'auto' | 'webrtc' | 'websocket'} transport `auto`: WebRTC where the server has it.
 * @property {'server_vad' | 'semantic_vad' | 'push_to_talk'} turns Who says when a turn is over.
 * @property {number | null} threshold 0–1; null: the server's own.
 * @property {number | null} silence Milliseconds of silence that end a turn; null: the server's own.
 * @property {number | null} padding Milliseconds kept before an onset; null: the server's own.
 * @property {'auto' | 'low' | 'medium' | 'high'} eagerness
 * @property {string} model `?model=`, perhaps the name of a stack; empty: the server's own.
 * @property {string} voice Empty: the server's own.
 * @property {number} speed 0.25–1.5.
 * @property {string} instructions Empty: the server's own.
 * @property {boolean} spoken Whether answers are spoken, or written alone.
 * @property {string} microphone Device id; empty: the browser's default.
 * @property {string} loudspeaker Likewise.
 * @property {Tool[]} tools
 * @property {McpServer[]} mcp
 */

/**
 * @typedef {object} Tool
 * @property {string} name
 * @property {string} description
 * @property {string} parameters A JSON schema, as it was typed.
 * @property {string | null} canned What answers a call at once; null: the reader types the result.
 */

/** @typedef {{label: string, url: string}} McpServer */

import { store, stored } from "../stored.js";

const STORED = "settings";

/** @type {Settings} */
const DEFAULTS = {
  transport: "auto",
  turns: "server_vad",
  threshold: null,
  silence: null,
  padding: null,
  eagerness: "auto",
  model: "",
  voice: "",
  speed: 1,
  instructions: "",
  spoken: true,
  microphone: "",
  loudspeaker: "",
  tools: [],
  mcp: [],
};

/**
 * Return what was stored; what is missing, or of another kind than it should be, has its default.
 *
 * @returns {Settings}
 */
export function loadSettings() {
  /** @type {Record<string, unknown>} */
  let found = {};
  try {
    found = Object(JSON.parse(stored(STORED) ?? "{}"));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const entries = Object.entries(DEFAULTS).map(([name, value]) => {
    const kept = found[name];
    const fits =
      value === null ? kept === null || typeof kept === "number" : kind(kept) === kind(value);
    return [name, fits ? kept : value];
  });
  return Object.fromEntries(entries);
}

/** @param {unknown} value */
function kind(value) {
  return Array.isArray(value) ? "array" : typeof value;
}

/** @param {Settings} settings */
export function storeSettings(settings) {
  store(STORED, JSON.stringify(settings));
}
