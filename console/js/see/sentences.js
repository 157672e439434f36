/**
 * Cuts words that stream in into finished sentences: what a screen reader is told, since it would
 * begin again at every word that is added to one.
 */

/** The end of a sentence: Western marks count before a space, Chinese and Japanese ones anywhere. */
const END = /[.!?…]+["'”’)\]]*(?=\s)|[。！？]+["'”’」』）]*/gu;

/**
 * @param {string} text All that was written so far.
 * @param {number} told How many characters of it have been told.
 * @param {boolean} finished Whether nothing follows: then the rest is a sentence, too.
 * @returns {{sentences: string, told: number}} What is to be told now, and what will have been.
 */
export function finishedSentences(text, told, finished) {
  let end = told;
  if (finished) end = text.length;
  else
    for (const found of text.slice(told).matchAll(END)) end = told + found.index + found[0].length;
  return { sentences: text.slice(told, end).trim(), told: Math.max(told, end) };
}
