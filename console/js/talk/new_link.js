/**
 * Makes the connection that was chosen, to where this server takes it.
 */

import { WebRTCLink } from "./webrtc_link.js";
import { WebSocketLink } from "./websocket_link.js";

/**
 * @param {import("../app.js").App} app
 * @param {'webrtc' | 'websocket'} transport
 * @returns {import("./link.js").Link}
 */
export function newLink({ settings, state, store, secret, headers, server }, transport) {
  const path = state?.ws_path ?? "/v1/realtime";
  const query = new URLSearchParams({ observe: "turn_detection", notices: "echo" });
  if (settings.model) query.set("model", settings.model);
  const { origin } = location;
  if (transport === "websocket") {
    return new WebSocketLink(`${origin.replace(/^http/, "ws")}${path}?${query}`, secret, store);
  }
  const link = new WebRTCLink(`${origin}${path}/calls?${query}`, headers, store);
  link.addEventListener("doubtful", async () => {
    if (!(await server.reachable())) link.giveUp();
  });
  return link;
}
