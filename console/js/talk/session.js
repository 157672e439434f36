/**
 * What the settings of the page are in the protocol's words (`docs/wire.md` §C).
 */

/** @typedef {import("./settings.js").Settings} Settings */

/** @typedef {Record<string, any>} Session */

/**
 * @param {Settings} settings
 * @param {Session} initial The session as the server opened it: what the reader left open is its.
 * @returns {Record<string, unknown> | null}
 */
function turnDetection(settings, initial) {
  if (settings.turns === "push_to_talk") return null;
  if (settings.turns === "semantic_vad") {
    return { type: "semantic_vad", eagerness: settings.eagerness };
  }
  const own = initial.audio?.input?.turn_detection ?? {};
  const chosen = {
    threshold: settings.threshold ?? own.threshold,
    silence_duration_ms: settings.silence ?? own.silence_duration_ms,
    prefix_padding_ms: settings.padding ?? own.prefix_padding_ms,
  };
  const given = Object.entries(chosen).filter(([, value]) => typeof value === "number");
  return { type: "server_vad", ...Object.fromEntries(given) };
}

/**
 * The parts of a session; of each, the settings on which it depends.
 *
 * @type {{of: (keyof Settings)[], make: (settings: Settings, initial: Session) => Session}[]}
 */
const PARTS = [
  {
    of: ["turns", "threshold", "silence", "padding", "eagerness"],
    make: (settings, initial) => ({
      audio: { input: { turn_detection: turnDetection(settings, initial) } },
    }),
  },
  {
    of: ["voice"],
    make: (settings, initial) => {
      const voice = settings.voice || initial.audio?.output?.voice;
      return voice ? { audio: { output: { voice } } } : {};
    },
  },
  { of: ["speed"], make: ({ speed }) => ({ audio: { output: { speed } } }) },
  {
    of: ["instructions"],
    make: (settings, initial) => ({
      instructions: settings.instructions || (initial.instructions ?? ""),
    }),
  },
  {
    of: ["spoken"],
    make: ({ spoken }) => ({ output_modalities: [spoken ? "audio" : "text"] }),
  },
  { of: ["tools", "mcp"], make: (settings) => ({ tools: toolsOf(settings) }) },
];

/**
 * Return all of a new session.
 *
 * @param {Settings} settings
 * @param {Session} initial
 * @returns {Session}
 */
export function wholeSession(settings, initial) {
  /** @type {Session} */
  const first = { type: "realtime", audio: { input: { transcription: { model: "whisper-1" } } } };
  return PARTS.reduce((made, { make }) => merged(made, make(settings, initial)), first);
}

/**
 * Return what of the session has to be changed.
 *
 * @param {Settings} settings
 * @param {Session} initial
 * @param {string[]} changed Names of settings.
 * @returns {Session | null} Null: nothing of the session depends on them.
 */
export function changedSession(settings, initial, changed) {
  const parts = PARTS.filter(({ of }) => of.some((name) => changed.includes(name)));
  if (!parts.length) return null;
  /** @type {Session} */
  const first = { type: "realtime" };
  return parts.reduce((made, { make }) => merged(made, make(settings, initial)), first);
}

/**
 * Whether a running session cannot have what was changed.
 *
 * @param {string} name Of a setting.
 * @param {unknown} voice The voice that is wanted now.
 * @param {{spoken: boolean, session: Session | null}} running Whether it has spoken, and as what.
 */
export function countsLater(name, voice, { spoken, session }) {
  // Once it was heard, a conversation keeps its voice (`docs/wire.md` §C.2).
  if (name === "voice") return spoken && voice !== session?.audio?.output?.voice;
  return name === "model" || name === "transport";
}

/**
 * @param {Record<string, any>} one
 * @param {Record<string, any>} other
 * @returns {Record<string, any>}
 */
function merged(one, other) {
  const result = { ...one };
  for (const [name, value] of Object.entries(other)) {
    const both = isObject(result[name]) && isObject(value);
    result[name] = both ? merged(result[name], value) : value;
  }
  return result;
}

/** @param {unknown} value */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {Settings} settings */
function toolsOf({ tools, mcp }) {
  const functions = tools.flatMap(({ name, description, parameters }) => {
    const schema = parsedSchema(parameters);
    return name && schema ? [{ type: "function", name, description, parameters: schema }] : [];
  });
  const servers = mcp.map(({ label, url }) => ({
    type: "mcp",
    server_label: label,
    server_url: url,
    require_approval: "never",
  }));
  return [...functions, ...servers];
}

/**
 * Read a JSON schema as it was typed.
 *
 * @param {string} text
 * @returns {Record<string, unknown> | null} Null: it is no JSON object.
 */
export function parsedSchema(text) {
  try {
    const schema = JSON.parse(text.trim() || "{}");
    return isObject(schema) ? schema : null;
  } catch {
    return null;
  }
}
