/**
 * What the line is doing now, in one word of which the page has a sentence. Pure.
 */

/**
 * @typedef {object} Line
 * @property {'idle' | 'connecting' | 'open'} status
 * @property {import("./server.js").Reach} reach
 * @property {string} serverState As the server says itself: `starting`, `healthy`, `draining`, `failed`.
 * @property {boolean} held Whether the button that talks is.
 * @property {boolean} speaking
 * @property {boolean} playing
 * @property {boolean} awaited Whether an answer is asked for or made.
 * @property {boolean} microphone Whether there is one.
 * @property {boolean} byHand
 * @property {boolean} muted
 */

/**
 * @param {Line} line
 * @returns {string} The key of a text, after `phase_`: it promises nothing that does not work now.
 */
export function phaseOf(line) {
  if (line.status === "connecting") return "connecting";
  if (line.status === "idle") {
    if (line.reach !== "reached") return line.reach;
    return line.serverState === "healthy" ? "idle" : line.serverState;
  }
  if (line.held) return "held";
  if (line.speaking) return "hearing";
  if (line.playing) {
    if (!line.microphone || (line.muted && !line.byHand)) return "answering_unheard";
    return line.byHand ? "answering_by_hand" : "answering";
  }
  if (line.awaited) return "thinking";
  if (!line.microphone) return "typing";
  if (line.muted) return "muted";
  return line.byHand ? "ready" : "listening";
}
