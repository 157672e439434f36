/**
 * The conversation that is made of the events: `dialogue.js` and what it is made of.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { audioMs } from "../../console/js/see/audio_length.js";
import { Dialogue, KEPT } from "../../console/js/see/dialogue.js";
import { heardCharacters, paceOf } from "../../console/js/see/heard_words.js";
import { finishedSentences } from "../../console/js/see/sentences.js";
import { added, received, sent, spokenAnswer, spokenTurn } from "./conversations.mjs";

/** The conversation after some entries. */
function after(...entries) {
  const dialogue = new Dialogue();
  for (const { direction, event } of entries.flat()) dialogue.take(direction, event);
  return dialogue;
}

/** What is read of a turn: who, and the words. */
function read(turn) {
  if (turn.kind === "note") return [turn.level, turn.text];
  if (turn.kind === "call") return ["tool", turn.name, turn.arguments, turn.output];
  return [turn.role, turn.parts.map((part) => part.text).join("|")];
}

const WORDS = ["One", " two", " three", " four", " five", " six", " seven", " eight."];

test("a spoken turn is announced, written down as it is recognised, and answered", () => {
  const [started, stopped, committed, ...rest] = spokenTurn({
    item: "u",
    at: 3000,
    text: "Hello you",
  });
  const dialogue = after(started);
  assert.equal(dialogue.turns[0].progress, "listening");
  dialogue.take("received", stopped.event);
  dialogue.take("received", committed.event);
  assert.equal(dialogue.turns[0].progress, "waiting");
  for (const { event } of rest.slice(0, -1)) dialogue.take("received", event);
  assert.deepEqual(read(dialogue.turns[0]), ["user", "Hell"]);
  dialogue.take("received", rest.at(-1).event);
  assert.deepEqual(read(dialogue.turns[0]), ["user", "Hello you"]);
  assert.equal(dialogue.turns[0].progress, "done");
});

test("an answer grows word by word, and each event says which turn it changed", () => {
  const entries = spokenAnswer({ response: "r", item: "a", at: 0, words: WORDS });
  const dialogue = new Dialogue();
  const seen = [];
  for (const { direction, event } of entries) {
    const changed = dialogue.take(direction, event);
    if (event.type === "response.output_audio_transcript.delta") seen.push(read(changed[0])[1]);
  }
  assert.deepEqual(seen.slice(0, 3), ["One", "One two", "One two three"]);
  assert.equal(dialogue.turns.length, 1);
  assert.equal(dialogue.turns[0].progress, "done");
  assert.equal(dialogue.soundMs(dialogue.turns[0]), 2400);
});

test("an answer that comes while its question is still written down stands behind it", () => {
  const turn = spokenTurn({ item: "u", at: 3000, text: "Hello" });
  const answer = spokenAnswer({
    response: "r",
    item: "a",
    at: 3600,
    words: ["Hi."],
    previous: "u",
  });
  const next = spokenTurn({ item: "v", at: 9000, text: "More", previous: "a" });
  const dialogue = after(turn.slice(0, 5), answer, turn.slice(5), next);
  assert.deepEqual(dialogue.turns.map(read), [
    ["user", "Hello"],
    ["assistant", "Hi."],
    ["user", "More"],
  ]);
});

test("what was not heard of an answer is cut by its time, and nothing is added to it any more", () => {
  const answer = spokenAnswer({ response: "r", item: "a", at: 0, words: WORDS });
  const dialogue = after(answer, truncated("a", 1200));
  const [turn] = dialogue.turns;
  assert.equal(turn.cut.ms, 1200);
  assert.equal(turn.parts[0].text.slice(0, turn.cut.heard).trim(), "One two three four");
  const late = { response_id: "r", item_id: "a", content_index: 0, delta: " nine" };
  dialogue.take("received", { type: "response.output_audio_transcript.delta", ...late });
  assert.equal(turn.parts[0].text, WORDS.join(""));
});

test("of an answer that was cut before its first sound nothing was heard", () => {
  const answer = spokenAnswer({ response: "r", item: "a", at: 0, words: WORDS });
  assert.equal(after(answer, truncated("a", 0)).turns[0].cut.heard, 0);
});

test("where the sound comes by another way its length is told by its tokens", () => {
  const deaf = (entry) => entry.event.type !== "response.output_audio.delta";
  const answer = spokenAnswer({ response: "r", item: "a", at: 0, words: WORDS }).filter(deaf);
  const { turns } = after(answer, truncated("a", 1200));
  assert.equal(turns[0].parts[0].text.slice(0, turns[0].cut.heard).trim(), "One two three four");
});

test("while an answer is made its words are taken to be no faster than a voice", () => {
  // Much is written, little of it has sound yet.
  const said = { words: "word ".repeat(100), soundMs: 1000, complete: false };
  assert.equal(heardCharacters(said, 1000, 17), 15);
  assert.equal(heardCharacters({ ...said, soundMs: 0 }, 1000, 17), 15);
  assert.equal(heardCharacters({ ...said, complete: true }, 500), 250);
});

test("Chinese is cut between characters, and English between words", () => {
  const chinese = { words: "今天天气很好，我们去公园吧。", soundMs: 2800, complete: true };
  assert.equal(chinese.words.slice(0, heardCharacters(chinese, 1400)), "今天天气很好，");
  const english = { words: "Extraordinarily long", soundMs: 2000, complete: true };
  assert.equal(heardCharacters(english, 1000), 0);
  assert.equal(heardCharacters(english, 1600), 16);
});

test("the pace of a voice is told by a whole answer of more than a second", () => {
  assert.equal(paceOf({ words: "x".repeat(34), soundMs: 2000, complete: true }), 17);
  assert.equal(paceOf({ words: "x".repeat(34), soundMs: 2000, complete: false }), null);
  assert.equal(paceOf({ words: "Hm.", soundMs: 300, complete: true }), null);
});

test("a call has its arguments as they stream, and its result", () => {
  const call = { id: "c", type: "function_call", name: "weather", call_id: "k", arguments: "" };
  const place = { response_id: "r", item_id: "c", call_id: "k" };
  const dialogue = after(
    received(0, { type: "response.output_item.added", response_id: "r", item: call }),
    received(1, { type: "response.function_call_arguments.delta", ...place, delta: '{"city":' }),
  );
  assert.deepEqual(read(dialogue.turns[0]), ["tool", "weather", '{"city":', null]);
  const whole = { ...call, arguments: '{"city":"Paris"}' };
  const result = { id: "o", type: "function_call_output", call_id: "k", output: "21" };
  for (const { event } of [...added(2, null, whole), ...added(3, "c", result)]) {
    dialogue.take("received", event);
  }
  assert.deepEqual(dialogue.turns.map(read), [["tool", "weather", '{"city":"Paris"}', "21"]]);
});

test("a picture is shown, also where the echo is too large to have it", () => {
  const image_url = "data:image/png;base64,AAAA";
  const item = (content) => ({ id: "p", type: "message", role: "user", content });
  const text = { type: "input_text", text: "What is this?" };
  const create = sent(0, {
    type: "conversation.item.create",
    item: item([text, { type: "input_image", image_url }]),
  });
  const { turns } = after(create, added(1, null, item([text, { type: "input_image" }])));
  assert.deepEqual(
    turns[0].parts.map(({ type, text }) => [type, text]),
    [
      ["text", "What is this?"],
      ["image", image_url],
    ],
  );
});

test("what failed, was cut off or refused is told in words", () => {
  const done = (status, status_details, output = []) =>
    received(0, { type: "response.done", response: { id: "r", status, status_details, output } });
  const error = { code: "provider_unreachable", message: "Start it." };
  const { turns } = after(
    done("failed", { type: "failed", error }),
    done("incomplete", { reason: "max_output_tokens" }),
    done("incomplete", { reason: "content_filter" }),
    done("cancelled", { reason: "turn_detected" }),
    done("completed", null),
    sent(0, { type: "session.update", event_id: "mine" }),
    received(0, {
      type: "error",
      error: { type: "x", code: null, message: "No.", event_id: "mine" },
    }),
    received(0, { type: "error", error: { code: "other", message: "Oh." } }),
    received(0, { type: "error", error: { code: "response_cancel_not_active", message: "" } }),
  );
  assert.deepEqual(turns.map(read), [
    ["problem", "see.note.failed"],
    ["problem", "see.note.too_long"],
    ["problem", "see.note.filtered"],
    ["info", "see.note.cancelled"],
    ["problem", "see.note.refused"],
    ["problem", "see.note.error"],
  ]);
  assert.deepEqual(turns[0].values, { code: "provider_unreachable", message: "Start it." });
  assert.equal(turns[4].values.after, "session.update");
});

test("a turn that was not understood ends, and says why", () => {
  const [started, stopped] = spokenTurn({ item: "u", at: 3000, text: "Hello" });
  const failed = { type: "conversation.item.input_audio_transcription.failed", item_id: "u" };
  const { turns } = after(
    [started, stopped],
    received(0, { ...failed, error: { message: "The key is wrong." } }),
  );
  assert.equal(turns[0].progress, "done");
  assert.equal(turns[1].values.message, "The key is wrong.");
});

test("speech that was dropped, and an item that was deleted, are turns no more", () => {
  const [started] = spokenTurn({ item: "u", at: 3000, text: "Hello" });
  const note = {
    id: "n",
    type: "message",
    role: "user",
    content: [{ type: "input_text", text: "x" }],
  };
  const dialogue = after(started, added(0, null, note));
  dialogue.take("received", { type: "input_audio_buffer.cleared" });
  dialogue.take("received", { type: "conversation.item.deleted", item_id: "n" });
  assert.deepEqual(dialogue.turns, []);
});

test("of a long conversation the last turns are kept, and what goes is told", () => {
  const dialogue = new Dialogue();
  const item = (index) => ({
    id: `item_${index}`,
    type: "message",
    role: "user",
    content: [{ type: "input_text", text: String(index) }],
  });
  let gone = [];
  for (let index = 0; index <= KEPT; index++) {
    const [{ event }] = added(index, null, item(index));
    gone = dialogue.take("received", event).filter((turn) => !dialogue.turns.includes(turn));
  }
  assert.equal(dialogue.turns.length, KEPT);
  assert.deepEqual(gone.map(read), [["user", "0"]]);
});

test("audio is as long as its base64 is, also where its length alone was kept", () => {
  assert.equal(audioMs("A".repeat(6400)), 100);
  assert.equal(audioMs("(6400 characters of base64)"), 100);
});

test("sentences are told once, when they are finished", () => {
  const first = finishedSentences("Well, hello. How", 0, false);
  assert.deepEqual(first, { sentences: "Well, hello.", told: 12 });
  const text = "Well, hello. How are you? 3.14 is";
  const second = finishedSentences(text, first.told, false);
  assert.equal(second.sentences, "How are you?");
  assert.equal(finishedSentences(text, second.told, true).sentences, "3.14 is");
  assert.equal(finishedSentences("你好。今天", 0, false).sentences, "你好。");
});

function truncated(item_id, audio_end_ms) {
  const event = { type: "conversation.item.truncated", item_id, content_index: 0, audio_end_ms };
  return [received(0, event)];
}
