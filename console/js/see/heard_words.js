/**
 * Estimates which words of an answer were heard when it was cut.
 *
 * No event of the protocol says which words a sound speaks, and a server sends both ahead of the
 * loudspeaker, the words often far ahead of their sound. So the words share the time of the sound,
 * each by its length.
 */

/** Letters, spaces among them, in a second of English; voices speak 15 to 20 if left alone. */
export const PACE = 17;
/** Letters that a Chinese or Japanese character, or a Korean syllable, takes as long as. */
const WIDE = 3.5;
/** Milliseconds of sound from which a voice's pace can be told; shorter ones are half silence. */
const TELLING_MS = 1000;
const WIDE_CHARACTER =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
/** A wide character, or a word; with the punctuation and the spaces behind it. */
const PIECE =
  /(?:[\u2e80-\u2fff\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\u{20000}-\u{3fffd}][^\p{L}\p{N}\s]*|[^\s\u2e80-\u2fff\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\u{20000}-\u{3fffd}]+)\s*|\s+/gu;

/**
 * What has arrived of a spoken answer.
 * @typedef {object} Said
 * @property {string} words
 * @property {number} soundMs Milliseconds of its sound, as far as known; 0: unknown.
 * @property {boolean} complete Whether all its words and all its sound have arrived.
 */

/**
 * Letters that the voice speaks in a second; null: that cannot be told yet.
 * @param {Said} said
 */
export function paceOf({ words, soundMs, complete }) {
  if (!complete || !words || soundMs < TELLING_MS) return null;
  return (letters(words) / soundMs) * 1000;
}

/**
 * How many characters of the words were heard. Whole words count. While sound is still to come,
 * nobody knows of how many words, so that they are taken to be no faster than `pace`.
 * @param {Said} said
 * @param {number} ms Milliseconds of the sound that were heard.
 * @param {number} [pace] Letters that such a voice speaks in a second.
 */
export function heardCharacters({ words, soundMs, complete }, ms, pace = PACE) {
  const known = soundMs > 0 ? letters(words) / soundMs : Infinity;
  let left = ms * (complete && soundMs > 0 ? known : Math.min(known, pace / 1000));
  let heard = 0;
  for (const [piece] of words.matchAll(PIECE)) {
    if (letters(piece.trimEnd()) > left + 1e-6) break;
    left -= letters(piece);
    heard += piece.length;
  }
  return heard;
}

/** How long a text takes to say, in letters. @param {string} text */
function letters(text) {
  let count = 0;
  for (const character of text) count += WIDE_CHARACTER.test(character) ? WIDE : 1;
  return count;
}
