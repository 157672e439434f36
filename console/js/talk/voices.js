/**
 * The voices as they are offered: those with names of their own first, then by language, none twice. Pure.
 */

/** @typedef {{id: string, speaks_as?: string, language?: string | null}} Voice */
/** @typedef {{value: string, words: string, group?: string}} Option */

/** An id that is no more than a language, perhaps after its family: `gmw/en-US`, `en-us`. */
const LANGUAGE = /^(?:[a-z]{3}\/)?([a-z]{2,3}(?:-[a-z0-9]+)*)$/i;

/**
 * @param {Voice[]} voices
 * @param {string} reader The reader's language.
 * @returns {Option[]}
 */
export function voiceOptions(voices, reader) {
  const names = new Intl.DisplayNames(reader, { type: "language", fallback: "none" });
  /** @type {Map<string, Option & {group: string}>} */
  const found = new Map();
  for (const { id, speaks_as: speaks, language } of voices) {
    // One of OpenAI's names stands for another voice, and is no language though it may look like one.
    const own = !speaks || speaks === id;
    const code = own ? LANGUAGE.exec(id)?.[1]?.toLowerCase() : undefined;
    const name = code && nameOf(names, code);
    const base = (language || (name ? code : ""))?.split(/[-_]/)[0] ?? "";
    const group = own && base ? (nameOf(names, base) ?? base) : "";
    const words = name ? `${name} (${id})` : id;
    // The shorter of two ids of the same language is the one that people write.
    const key = name ? `language:${code}` : id;
    const before = found.get(key);
    if (!before || id.length < before.value.length) found.set(key, { value: id, words, group });
  }
  const all = [...found.values()];
  const grouped = all.filter(({ group }) => group);
  grouped.sort((one, other) => one.group.localeCompare(other.group, reader));
  return [...all.filter(({ group }) => !group).map(({ value, words }) => ({ value, words })), ...grouped];
}

/**
 * @param {Intl.DisplayNames} names
 * @param {string} code
 * @returns {string | undefined} Undefined: it is none that is known.
 */
function nameOf(names, code) {
  try {
    return names.of(code);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
