/**
 * Where clients find the server, as each kind of client wants to be told it. Pure.
 *
 * @typedef {object} Addresses
 * @property {boolean} secure Whether TLS is in front of the server.
 * @property {string} page
 * @property {string} websocket What a client connects to.
 * @property {string | null} base What the OpenAI SDKs are told as base URL, to which they add `/realtime`; null: they
 *   cannot be told, as the path ends otherwise.
 * @property {string} calls Where calls over WebRTC begin.
 * @property {string} secrets Where keys for browsers are made.
 */

/**
 * @param {{protocol: string, host: string}} place Where the page came from.
 * @param {string} path `server.ws_path`.
 * @returns {Addresses}
 */
export function addressesOf({ protocol, host }, path) {
  const secure = protocol === "https:";
  const origin = `http${secure ? "s" : ""}://${host}`;
  return {
    secure,
    page: `${origin}/`,
    websocket: `ws${secure ? "s" : ""}://${host}${path}`,
    base: path.endsWith("/realtime") ? origin + path.slice(0, -"/realtime".length) : null,
    calls: `${origin}${path}/calls`,
    secrets: `${origin}${path}/client_secrets`,
  };
}
