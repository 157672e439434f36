/**
 * The log of events, its filter, and what is measured with it: times, speech, the connection.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EVERYTHING, FilteredEvents } from "../../console/js/see/event_filter.js";
import { EventStore, KEPT } from "../../console/js/see/event_store.js";
import { LinkFigures } from "../../console/js/see/link_figures.js";
import { SpeechLog } from "../../console/js/see/speech_log.js";
import { now, spans } from "../../console/js/see/speech_state.js";
import { SentAudio } from "../../console/js/see/sent_audio.js";
import { Timeline, extent, median, stages, total } from "../../console/js/see/timeline.js";
import { offset, since } from "../../console/js/see/times.js";
import { observed, received, sent, spokenAnswer, spokenTurn } from "./conversations.mjs";

function storeOf(entries) {
  const store = new EventStore((tell) => tell());
  for (const { direction, event, at } of entries) store.add(direction, event, at);
  return store;
}

function timelineOf(...entries) {
  const timeline = new Timeline();
  const all = entries.flat().sort((one, other) => one.at - other.at);
  for (const entry of all) timeline.take(entry);
  return timeline;
}

function lengths(turn) {
  return Object.fromEntries(stages(turn).map(({ moment, from, to }) => [moment, to - from]));
}

const detection = (settings) => {
  const session = { audio: { input: { turn_detection: settings } } };
  return received(0, { type: "session.updated", session });
};

test("the log keeps what passes, bounded, and tells of it once for many", () => {
  const waiting = [];
  const store = new EventStore((tell) => waiting.push(tell));
  let told = 0;
  store.addEventListener("added", () => told++);
  for (let index = 0; index < KEPT + 1; index++) store.add("sent", { type: "x", index }, index, 10);
  assert.equal(waiting.length, 1);
  waiting[0]();
  assert.equal(told, 1);
  assert.ok(store.entries.length <= KEPT);
  assert.equal(store.entries.at(-1).event.index, KEPT);
  assert.equal(store.since(KEPT - 1).length, 2);
  assert.equal(store.since(0).length, store.entries.length);
  store.clear();
  assert.deepEqual(store.since(0), []);
  store.add("sent", { type: "y" }, 0);
  assert.equal(store.entries[0].seq, KEPT + 1);
});

test("the log is saved as JSON, a line an event, with times from its start", () => {
  const store = storeOf([
    sent(100, { type: "response.create" }),
    received(112.34, { type: "error", error: { message: "a\nb" } }),
  ]);
  const lines = store
    .toJSONL()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ at_ms, direction }) => [at_ms, direction]),
    [
      [0, "sent"],
      [12.3, "received"],
    ],
  );
  assert.equal(lines[1].event.error.message, "a\nb");
  assert.ok(!Number.isNaN(Date.parse(lines[0].time)));
  assert.equal(store.toJSONL(0, 1) + store.toJSONL(1), store.toJSONL());
});

test("events are found by direction, type, group of types and words", async () => {
  const store = storeOf([
    sent(0, { type: "response.create" }),
    received(1, { type: "response.created", response: { id: "resp_A" } }),
    received(2, { type: "response.output_audio.delta", delta: "(64 characters of base64)" }),
    received(3, { type: "response.done", response: { id: "resp_A", status: "failed" } }),
    received(4, { type: "error", error: { message: "Wrong Key" } }),
  ]);
  const shown = new FilteredEvents(store);
  const found = async (filter) => {
    assert.ok(await shown.use({ ...EVERYTHING, ...filter }));
    return shown.entries.map(({ event }) => event.type);
  };
  assert.equal((await found({})).length, 5);
  assert.deepEqual(await found({ direction: "sent" }), ["response.create"]);
  assert.equal((await found({ type: "response.*" })).length, 4);
  assert.deepEqual(await found({ type: "error" }), ["error"]);
  assert.deepEqual(await found({ search: "key WRONG" }), ["error"]);
  assert.deepEqual(await found({ search: "resp_a failed" }), ["response.done"]);
  assert.equal((await found({ noisy: false })).length, 4);
  assert.equal((await found({ noisy: false, type: "response.*" })).length, 3);
  const audio = "response.output_audio.delta";
  assert.deepEqual(await found({ noisy: false, type: audio }), [audio]);
});

test("what is new joins a filtered list, and a newer filter ends the work of an older one", async () => {
  const store = storeOf([]);
  const shown = new FilteredEvents(store);
  const many = (count) => {
    for (let index = 0; index < count; index++) {
      store.add("received", { type: index % 2 ? "odd" : "even", text: "x".repeat(200) }, index);
    }
  };
  await shown.use({ ...EVERYTHING, type: "odd" });
  many(10);
  assert.ok(await shown.read());
  assert.equal(shown.entries.length, 5);
  many(40_000);
  const older = shown.use({ ...EVERYTHING, search: "x even" });
  const newer = shown.use({ ...EVERYTHING, search: "x odd" });
  assert.deepEqual(await Promise.all([older, newer]), [false, true]);
  assert.equal(shown.entries.length, 20_005);
  assert.ok(shown.entries.every(({ event }) => event.type === "odd"));
});

test("a detected turn is timed from the end of speech, before the silence that ended it", () => {
  const timeline = timelineOf(
    detection({ type: "server_vad", threshold: 0.5, silence_duration_ms: 500 }),
    spokenTurn({ item: "u", at: 3000, text: "Hello", silence: 512 }),
    spokenAnswer({ response: "r", item: "a", at: 3600, words: ["Hi."] }),
  );
  timeline.heard("r", 3850);
  const [turn] = timeline.turns;
  assert.equal(turn.kind, "speech");
  assert.equal(turn.silenceMs, 512);
  assert.ok(turn.reckoned);
  assert.deepEqual(lengths(turn), {
    silence: 512,
    committed: 1,
    transcript: 79,
    text: 98,
    audio: 110,
    heard: 50,
  });
  assert.equal(total(turn), 850);
});

test("speech that this page sent ends when that was sent, so a late server is seen to be late", () => {
  const append = (at) =>
    sent(at, { type: "input_audio_buffer.append", audio: "(2560 characters of base64)" });
  const stopped = { type: "input_audio_buffer.speech_stopped", item_id: "u", audio_end_ms: 2512 };
  const timeline = timelineOf(
    detection({ type: "server_vad", threshold: 0.5, silence_duration_ms: 500 }),
    // 40 ms each: 2,000 ms of the session's audio have been heard at 12,000.
    Array.from({ length: 70 }, (_, index) => append(10_040 + index * 40)),
    received(13_300, stopped),
    received(13_301, { type: "input_audio_buffer.committed", item_id: "u" }),
  );
  const [turn] = timeline.turns;
  assert.deepEqual([turn.at.start, turn.reckoned], [12_000, false]);
  assert.deepEqual(lengths(turn), { silence: 512, committed: 789 });
  assert.deepEqual([total(turn), extent(turn)], [null, 1301]);
});

test("audio of another session, or of long ago, tells nothing of when it was heard", () => {
  const audio = new SentAudio();
  for (let index = 0; index < 3000; index++) audio.add(40, index * 40 + 40);
  assert.equal(audio.heardAt(119_990), 119_990);
  assert.equal(audio.heardAt(130_000), null);
  assert.equal(audio.heardAt(40_000), null);
  assert.equal(audio.heardAt(60_040), 60_040);
  audio.begin();
  assert.equal(audio.heardAt(119_990), null);
  audio.add(40, 500);
  assert.equal(audio.heardAt(30), 490);
});

test("a turn that nobody answers has no total", () => {
  const timeline = timelineOf(spokenTurn({ item: "u", at: 3000, text: "Hm" }));
  assert.equal(total(timeline.turns[0]), null);
  assert.equal(extent(timeline.turns[0]), timeline.turns[0].silenceMs + 80);
});

test("the observed silence counts, also when it is observed behind the turn's end", () => {
  const spoken = Array(20).fill(0.9);
  const quiet = Array(10).fill(0.05);
  const timeline = timelineOf(
    detection({ type: "semantic_vad", eagerness: "auto" }),
    received(1000, { type: "input_audio_buffer.speech_stopped", item_id: "u", audio_end_ms: 960 }),
  );
  assert.equal(timeline.turns[0].silenceMs, 200);
  timeline.take(observed(0, [...spoken, ...quiet], { at: 1100 }));
  assert.equal(timeline.turns[0].silenceMs, 320);
  assert.equal(timeline.turns[0].at.start, 680);
});

test("a turn by button begins at the commit, a typed one when its answer was asked for", () => {
  const committed = { type: "input_audio_buffer.committed", item_id: "u" };
  const timeline = timelineOf(
    sent(100, { type: "input_audio_buffer.commit" }),
    sent(101, { type: "response.create" }),
    received(110, committed),
    spokenAnswer({ response: "r", item: "a", at: 120, words: ["Hi."] }),
    sent(5000, { type: "response.create" }),
    spokenAnswer({ response: "s", item: "b", at: 5010, words: ["Ho."] }),
  );
  assert.deepEqual(
    timeline.turns.map(({ kind }) => kind),
    ["button", "typed"],
  );
  assert.deepEqual(lengths(timeline.turns[0]), { committed: 10, text: 100, audio: 110 });
  assert.deepEqual(lengths(timeline.turns[1]), { text: 100, audio: 110 });
});

test("on a call the first audio is the server's word that it plays", () => {
  const timeline = timelineOf(
    sent(0, { type: "response.create" }),
    received(10, { type: "response.created", response: { id: "r" } }),
    received(60, { type: "output_audio_buffer.started", response_id: "r" }),
    received(90, { type: "response.output_audio_transcript.delta", response_id: "r", delta: "x" }),
    received(99, { type: "response.done", response: { id: "r", status: "cancelled" } }),
  );
  const [turn] = timeline.turns;
  // The words came last: they are what one waited for.
  assert.deepEqual(lengths(turn), { text: 90, audio: 0 });
  assert.equal(turn.status, "cancelled");
});

test("the middle of the turns is their median", () => {
  assert.equal(median([]), null);
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

test("speech is kept for a minute, with what was decided", () => {
  const log = new SpeechLog();
  for (let start = 0; start < 90_000; start += 160) {
    log.take(observed(start, [0.1, 0.2, 0.3, 0.4, 0.9]).event);
  }
  assert.ok(log.windows[0].ms >= log.endMs - 60_000);
  const { windows } = log.between(80_000, 81_000);
  assert.ok(windows[0].ms >= 80_000 - 32 && windows.at(-1).ms <= 81_000 && windows.length >= 31);
  log.take(observed(0, [0.1]).event);
  assert.equal(log.windows.length, 1);
});

test("the server's own voice is no turn", () => {
  const log = new SpeechLog();
  const turn = [{ at_ms: 64, what: "echo", complete: null }];
  log.take(observed(0, [0, 0, 0.9, 0.9, 0.1], { turn }).event);
  assert.deepEqual(spans(log), []);
  assert.equal(now(log).speaking, false);
});

test("turns are told with their length, the silence at their end and their completeness", () => {
  const log = new SpeechLog();
  const turn = [
    { at_ms: 64, what: "started", complete: null },
    { at_ms: 480, what: "paused", complete: 0.8 },
    { at_ms: 640, what: "stopped", complete: null },
  ];
  const speech = [0, 0, ...Array(8).fill(0.9), ...Array(10).fill(0.1)];
  log.take(observed(0, speech, { turn }).event);
  assert.deepEqual(spans(log), [{ from: 64, to: 640, quiet: 320, complete: 0.8 }]);
  assert.equal(now(log).speaking, false);
  log.take(
    observed(640, [0.9, 0.9, 0.9, 0.1], { turn: [{ at_ms: 640, what: "started", complete: null }] })
      .event,
  );
  assert.deepEqual(now(log), { speech: 0.1, level: 0.07, speaking: true, quietMs: 32 });
  // Between the threshold and 0.15 below it speech goes on.
  log.take(observed(768, [0.4], { threshold: 0.5 }).event);
  assert.equal(now(log).quietMs, 0);
});

test("the connection's counts become rates, and what is not measured stays away", () => {
  const figures = new LinkFigures();
  const stats = {
    transport: "webrtc",
    round_trip_ms: 12,
    jitter_ms: 3,
    lost_packets: 0,
    received_packets: 100,
    concealed_ms: 20,
    buffered_ms: null,
    bytes_sent: 1000,
    bytes_received: 2000,
    local_address: null,
    remote_address: null,
  };
  figures.take(stats, 0, false);
  const later = { lost_packets: 5, received_packets: 145, bytes_sent: 5000, bytes_received: 4000 };
  figures.take({ ...stats, ...later }, 1000, false);
  const { loss_percent, sent_kbps, received_kbps } = figures.samples.at(-1);
  assert.deepEqual([loss_percent, sent_kbps, received_kbps], [10, 32, 16]);
  assert.deepEqual(figures.course("buffered_ms"), []);
  assert.deepEqual(figures.course("round_trip_ms"), [12, 12]);
});

test("sound that is made up counts while an answer sounds, and not in the pauses", () => {
  const figures = new LinkFigures();
  const seconds = [
    [100, false],
    [350, true],
    [360, true],
    [400, true],
    [900, false],
  ];
  for (const [index, [concealed_ms, sounding]] of seconds.entries()) {
    figures.take({ concealed_ms }, index * 1000, sounding);
  }
  assert.deepEqual(figures.course("concealed_ms"), [0, 0, 10, 50, 50]);
});

test("times are short where they are short", () => {
  assert.deepEqual([offset(0), offset(12_345), offset(62_345)], ["0.000", "12.345", "1:02.345"]);
  assert.deepEqual([since(3.4), since(1200), since(-1)], ["+3", "+1.20 s", "+0"]);
});
