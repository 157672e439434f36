/**
 * What the views of this folder need of the console: the least of each, so that they work with any
 * page that has it, and in tests with much less than a page.
 */

/**
 * An event of the protocol, in either direction. Audio in it is replaced by its length: see
 * `audio_length.js`.
 * @typedef {{type: string, event_id?: string, [field: string]: any}} WireEvent
 */

/** @typedef {'sent' | 'received'} Direction */

/**
 * One event as it passed.
 * @typedef {object} Entry
 * @property {number} seq Counted from 0, never reused.
 * @property {number} at When, in ms of `performance.now()`.
 * @property {Direction} direction
 * @property {WireEvent} event
 * @property {number} size Characters of its JSON, audio left out.
 */

/**
 * A text in the reader's language.
 * @typedef {(key: string, values?: Record<string, string | number>) => string} Translate
 */

/**
 * What is known of a connection at one moment; what a transport cannot know is absent.
 * @typedef {Record<string, number | string | null | undefined>} Stats
 */

/**
 * @typedef {object} LinkPart
 * @property {string} transport `webrtc` or `websocket`.
 * @property {string} status
 * @property {string | null} [callId]
 * @property {(event: WireEvent) => void} send
 * @property {(itemId: string) => number} heardMs
 * @property {() => Promise<any>} stats
 */

/** @typedef {EventTarget & LinkPart} Link */

/**
 * @typedef {object} AppPart
 * @property {import('./event_store.js').EventStore} store
 * @property {Link | null} link
 * @property {Translate} t
 */

/** @typedef {EventTarget & AppPart} App */

export {};
