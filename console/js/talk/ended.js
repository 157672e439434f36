/**
 * Why a conversation ended, as a text and what the reader can do about it.
 *
 * @typedef {'again' | 'websocket' | 'key' | null} Remedy
 * @typedef {object} Ended
 * @property {number | null} code Close code of the WebSocket (`docs/wire.md` §D.7); null: a call's end.
 * @property {string} reason What the server or the browser said.
 * @property {string} words The key of a text, in which `{reason}` is the reason; empty: the reader ended it.
 * @property {Remedy} remedy
 * @property {boolean} lost Whether the server, or the way to it, is gone.
 * @property {Record<string, string | number>} [values] What else the text names.
 */

/** @type {Record<number, {words: string, remedy: Remedy}>} */
const CODES = {
  1000: { words: "", remedy: null },
  1001: { words: "ended_by_server", remedy: "again" },
  1008: { words: "ended_slow", remedy: "again" },
  1009: { words: "ended_too_large", remedy: "again" },
  1011: { words: "ended_fault", remedy: "again" },
  1013: { words: "ended_full", remedy: "again" },
  3000: { words: "ended_key", remedy: "key" },
  4000: { words: "ended_refused", remedy: "again" },
};

/**
 * @param {number} code
 * @param {string} reason
 * @returns {Ended}
 */
export function closedWords(code, reason) {
  const known = CODES[code];
  // Browsers tell no page why there is no connection: every cause has this code.
  if (!known || code === 1006) {
    return { code, reason, words: "ended_lost", remedy: "again", lost: true };
  }
  return { code, reason: reason || String(code), ...known, lost: false };
}

/**
 * @param {string} lastWords What the server said before; empty: nothing.
 * @returns {Ended} The end of a call whose channel the server closed.
 */
export function hungUp(lastWords) {
  const words = lastWords ? "ended_by_server" : "ended_hung_up";
  return { code: 1001, reason: lastWords, words, remedy: "again", lost: false };
}

/**
 * Why a call did not connect, told by the answer's candidates and the address of the page.
 *
 * @param {string} answer SDP.
 * @param {string} host Name or address of the page's own host.
 * @returns {Ended}
 */
export function notConnected(answer, host) {
  const lines = [...answer.matchAll(/^a=candidate:\S+ \d+ udp \d+ (\S+) (\d+) /gim)];
  const addresses = [...new Set(lines.map(([, address]) => address ?? ""))];
  const port = lines[0]?.[2] ?? "";
  const local = /^(localhost|127\.|\[?::1)/.test(host);
  const onlyLocal = addresses.every((address) => /^(127\.|::1)/.test(address));
  const words = onlyLocal && !local ? "ice_wrong_host" : "ice_blocked";
  const values = { port, addresses: addresses.join(", "), host };
  return { code: null, reason: "ICE", words, values, remedy: "websocket", lost: false };
}
