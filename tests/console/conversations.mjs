/**
 * Conversations as they pass on the wire, for tests of what is made of them.
 */

let made = 0;

/** A turn that was detected, at `at` ms; returns entries. */
export function spokenTurn({ item, at, text, silence = 512, previous = null }) {
  return [
    received(at - 2000, {
      type: "input_audio_buffer.speech_started",
      audio_start_ms: 0,
      item_id: item,
    }),
    received(at + silence, {
      type: "input_audio_buffer.speech_stopped",
      audio_end_ms: at,
      item_id: item,
    }),
    received(at + silence + 1, {
      type: "input_audio_buffer.committed",
      previous_item_id: previous,
      item_id: item,
    }),
    ...added(at + silence + 2, previous, {
      id: item,
      type: "message",
      status: "completed",
      role: "user",
      content: [{ type: "input_audio", transcript: null }],
    }),
    received(at + silence + 60, {
      type: "conversation.item.input_audio_transcription.delta",
      item_id: item,
      content_index: 0,
      delta: text.slice(0, 4),
    }),
    received(at + silence + 80, {
      type: "conversation.item.input_audio_transcription.completed",
      item_id: item,
      content_index: 0,
      transcript: text,
      usage: { type: "duration", seconds: 2 },
    }),
  ];
}

/** An answer that is spoken, with its sound as deltas; returns entries up to `response.done`. */
export function spokenAnswer({
  response,
  item,
  at,
  words,
  msPerWord = 300,
  status = "completed",
  details = null,
  previous = null,
}) {
  const place = { response_id: response, item_id: item, output_index: 0, content_index: 0 };
  const message = { id: item, type: "message", role: "assistant" };
  const transcript = words.join("");
  const content = [{ type: "output_audio", transcript }];
  const whole = { ...message, status: status === "completed" ? status : "incomplete", content };
  return [
    received(at, {
      type: "response.created",
      response: { id: response, status: "in_progress", output: [] },
    }),
    received(at + 80, {
      type: "response.output_item.added",
      response_id: response,
      output_index: 0,
      item: { ...message, status: "in_progress", content: [] },
    }),
    received(at + 80, {
      type: "conversation.item.added",
      previous_item_id: previous,
      item: { ...message, status: "in_progress", content: [] },
    }),
    received(at + 81, {
      type: "response.content_part.added",
      ...place,
      part: { type: "audio", transcript: "" },
    }),
    ...words.flatMap((delta, index) => [
      received(at + 90 + index * 5, {
        type: "response.output_audio_transcript.delta",
        ...place,
        delta,
      }),
      received(at + 200 + index * 5, {
        type: "response.output_audio.delta",
        ...place,
        delta: `(${msPerWord * 64} characters of base64)`,
      }),
    ]),
    received(at + 900, { type: "response.output_audio_transcript.done", ...place, transcript }),
    received(at + 901, { type: "conversation.item.done", previous_item_id: previous, item: whole }),
    received(at + 902, {
      type: "response.output_item.done",
      response_id: response,
      output_index: 0,
      item: whole,
    }),
    received(at + 903, {
      type: "response.done",
      response: {
        id: response,
        status,
        status_details: details,
        output: [whole],
        usage: { output_token_details: { audio_tokens: (words.length * msPerWord) / 50 } },
      },
    }),
  ];
}

/** An item that the client made. */
export function added(at, previous, item) {
  return ["added", "done"].map((step) =>
    received(at, { type: `conversation.item.${step}`, previous_item_id: previous, item }),
  );
}

/** Observations of the turn detector. */
export function observed(start, speech, { at = start, turn = [], threshold = 0.5 } = {}) {
  const level = speech.map((probability) => 0.02 + probability * 0.5);
  const event = { type: "console.turn_detection", start_ms: start, window_ms: 32, speech, level };
  return received(at, { ...event, threshold, turn });
}

export function received(at, event) {
  return { at, direction: "received", event: { event_id: `event_${made++}`, ...event } };
}

export function sent(at, event) {
  return { at, direction: "sent", event };
}
