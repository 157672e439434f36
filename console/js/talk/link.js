/**
 * A connection to the server, the same to the rest of the page whether it is a WebSocket or a WebRTC call.
 *
 * Events: `status`; `closed`, a `CustomEvent` with `{code, reason, words}`; `heard`, a `CustomEvent` with
 * `{item_id, response_id}`, when the first sound of a response comes out of the loudspeaker.
 *
 * @typedef {'connecting' | 'open' | 'closed'} Status
 * @typedef {{code: number | null, reason: string, words: string}} Ended
 */

/**
 * What is known of the way to the server; null: not measured by this transport.
 *
 * @typedef {object} Stats
 * @property {'webrtc' | 'websocket'} transport
 * @property {number | null} round_trip_ms
 * @property {number | null} jitter_ms
 * @property {number | null} lost_packets
 * @property {number | null} received_packets
 * @property {number | null} concealed_ms
 * @property {number} bytes_sent
 * @property {number} bytes_received
 * @property {number | null} buffered_ms Sound that was received and not yet played.
 * @property {string | null} local_address
 * @property {string | null} remote_address
 */

/**
 * @typedef {object} LinkMembers
 * @property {'webrtc' | 'websocket'} transport
 * @property {Status} status
 * @property {string | null} callId
 * @property {boolean} muted
 * @property {boolean} hasMicrophone
 * @property {(event: Record<string, any>) => void} send
 * @property {() => void} close
 * @property {(muted: boolean) => void} setMuted
 * @property {() => number} micLevel Root mean square, 0–1.
 * @property {() => number} speakerLevel Likewise.
 * @property {(itemId: string) => number} heardMs How much of an item came out of the loudspeaker.
 * @property {() => Promise<Stats>} stats
 */

/** @typedef {EventTarget & LinkMembers} Link */

export {};
