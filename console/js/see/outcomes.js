/**
 * What went wrong, in words: how a response ended, and what the server refused.
 */

/** @typedef {import('./event_store.js').WireEvent} WireEvent */
/** @typedef {Pick<import('./turns.js').Note, 'level' | 'text' | 'values'>} Told */

/** @param {string} text @param {Record<string, string>} [values] @returns {Told} */
export function info(text, values = {}) {
  return { level: "info", text, values };
}

/** @param {string} text @param {Record<string, string>} [values] @returns {Told} */
export function problem(text, values = {}) {
  return { level: "problem", text, values };
}

/**
 * What there is to say about the end of a response; null: nothing.
 * @param {Record<string, any>} response
 * @returns {Told | null}
 */
export function outcomeOf({ status, status_details: details, output }) {
  const { message = "", code = "" } = details?.error ?? {};
  switch (status) {
    case "failed":
      return problem("see.note.failed", { message, code: code ?? "" });
    case "incomplete":
      if (details?.reason === "max_output_tokens") return problem("see.note.too_long");
      if (details?.reason === "content_filter") return problem("see.note.filtered");
      return problem("see.note.incomplete", { reason: details?.reason ?? "" });
    case "cancelled":
      return output?.length ? null : info("see.note.cancelled");
    default:
      return null;
  }
}

/**
 * An `error` event in words; null: it is ordinary traffic.
 * @param {Record<string, any>} error
 * @param {string} [after] Type of the event that it answers.
 * @returns {Told | null}
 */
export function faultOf({ message = "", code, type = "" }, after) {
  // A cancel that crossed the end of its answer; a request that crossed another answer, and is repeated.
  if (code === "response_cancel_not_active") return null;
  if (code === "conversation_already_has_active_response") return null;
  const values = { message, code: code ?? type };
  return after
    ? problem("see.note.refused", { ...values, after })
    : problem("see.note.error", values);
}
