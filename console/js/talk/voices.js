/**
 * The voices as they are offered: those with names of their own first and alone, then codes of languages by language,
 * each once, however many spellings an engine knows of it. Pure.
 */

/** @typedef {{id: string, speaks_as?: string, language?: string | null}} Voice */
/** @typedef {{value: string, words: string, group?: string}} Option */

/** An id that can be a language: `en-us`. */
const LANGUAGE = /^[a-z]{2,3}(?:-[a-z0-9]+)*$/;
/** One that says its family, and so certainly is one, though it be Quenya's: `gmw/en-US`. */
const OF_A_FAMILY = /^[a-z]{3}\/([a-z]{2,4}(?:-[a-z0-9]+)*)$/i;
/** A language that is written behind the larger one to which it belongs: `zh-yue`. */
const BEHIND_A_LARGER = /^[a-z]{2,3}-([a-z]{3}(?:-.+)?)$/;

/**
 * @param {Voice[]} voices
 * @param {string} reader The reader's language.
 * @param {string} others What languages are called together that have no name in it.
 * @returns {Option[]}
 */
export function voiceOptions(voices, reader, others) {
  const codes = new Codes(voices, reader);
  /** @type {Map<string, Option>} */
  const found = new Map();
  for (const { id, speaks_as: speaks, language } of voices) {
    // One of OpenAI's names stands for another voice, and is no language though it may look like one.
    const own = !speaks || speaks === id;
    const code = own ? codes.of(id) : undefined;
    const name = code && codes.name(code);
    const base = own ? (language || code)?.split(/[-_]/)[0] : undefined;
    const group = base && (codes.name(base) ?? (code ? others : base));
    const words = name ? `${name} (${id})` : id;
    const key = code ? `language:${sameAs(code)}` : id;
    const before = found.get(key);
    // The shortest of several spellings is the one that people write.
    if (before && before.value.length <= id.length) continue;
    found.set(key, { value: id, words, ...(group ? { group } : {}) });
  }
  const all = [...found.values()];
  /** @param {Option} option */
  const rank = ({ group }) => (group === others ? 1 : 0);
  const grouped = all
    .filter(({ group }) => group)
    .sort(
      (one, other) =>
        rank(one) - rank(other) || (one.group ?? "").localeCompare(other.group ?? "", reader),
    );
  return [...all.filter(({ group }) => !group), ...grouped];
}

/** Which ids are languages, and what those are called. */
class Codes {
  #names;
  /** Languages whose family is told by one of the voices, in lower case. @type {Set<string>} */
  #certain;

  /** @param {Voice[]} voices @param {string} reader */
  constructor(voices, reader) {
    this.#names = new Intl.DisplayNames(reader, { type: "language", fallback: "none" });
    this.#certain = new Set(
      voices.flatMap(({ id }) => OF_A_FAMILY.exec(id)?.[1]?.toLowerCase() ?? []),
    );
  }

  /** @param {string} id @returns {string | undefined} The language in lower case; undefined: the id is none. */
  of(id) {
    const code = (OF_A_FAMILY.exec(id)?.[1] ?? id).toLowerCase();
    if (this.#certain.has(code)) return code;
    if (!LANGUAGE.test(code)) return undefined;
    if (this.#certain.has(sameAs(code).toLowerCase())) return code;
    const [known = "", accent] = code.split("-x-");
    const whole = this.#known(code) ?? (accent && this.name(known));
    return whole ? code : undefined;
  }

  /** @param {string} code @returns {string | undefined} The name of as much of it as has one. */
  name(code) {
    for (let rest = code; rest; rest = rest.slice(0, Math.max(0, rest.lastIndexOf("-")))) {
      const name = this.#known(rest);
      if (name) return name;
    }
    return undefined;
  }

  /** @param {string} code */
  #known(code) {
    try {
      return this.#names.of(code);
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }
}

/**
 * @param {string} code
 * @returns {string} The same for all spellings of a language, as `cmn`, `zh-cmn` and `zh`.
 */
function sameAs(code) {
  const spelled = BEHIND_A_LARGER.exec(code)?.[1] ?? code;
  try {
    return Intl.getCanonicalLocales(spelled)[0] ?? spelled;
  } catch (error) {
    if (error instanceof RangeError) return spelled;
    throw error;
  }
}
