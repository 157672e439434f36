/**
 * What talking is made of and needs no page: sound at another rate, sessions, calls of functions, ends.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Asked } from "../../console/js/talk/asked.js";
import { closedWords, hungUp, notConnected } from "../../console/js/talk/ended.js";
import { Link } from "../../console/js/talk/link.js";
import { History } from "../../console/js/talk/history.js";
import { withoutAudio } from "../../console/js/talk/logged.js";
import { PushToTalk } from "../../console/js/talk/push_to_talk.js";
import { Resampler } from "../../console/js/talk/resampler.js";
import { phaseOf } from "../../console/js/talk/phase.js";
import { changedSession, countsLater, parsedSchema, wholeSession } from "../../console/js/talk/session.js";
import { ToolCalls } from "../../console/js/talk/tool_calls.js";
import { queued, typed } from "../../console/js/talk/typed.js";
import { Unconfirmed } from "../../console/js/talk/unconfirmed.js";
import { voiceOptions } from "../../console/js/talk/voices.js";
import { CallStats } from "../../console/js/talk/webrtc_stats.js";

const RATE = 24000;

function tone(hz, rate, seconds) {
  return Float32Array.from({ length: rate * seconds }, (_, i) =>
    Math.sin((2 * Math.PI * hz * i) / rate),
  );
}

function resampled(input, rate, block = 128) {
  const resampler = new Resampler(rate, RATE);
  const made = [];
  for (let i = 0; i < input.length; i += block)
    made.push(...resampler.push(input.subarray(i, i + block)));
  return made;
}

function rms(samples) {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}

for (const rate of [8000, 16000, 44100, 48000, 96000]) {
  test(`a tone stays the same tone when ${rate} Hz become 24000`, () => {
    const made = resampled(tone(440, rate, 1), rate);
    assert.ok(Math.abs(made.length - RATE) < 100, `${made.length} samples`);
    const middle = made.slice(2000, 22000);
    // Fitted to the tone as it should be: nothing else is left.
    const turn = (2 * Math.PI * 440) / RATE;
    const sine =
      middle.reduce((sum, x, i) => sum + x * Math.sin(turn * i), 0) * (2 / middle.length);
    const cosine =
      middle.reduce((sum, x, i) => sum + x * Math.cos(turn * i), 0) * (2 / middle.length);
    const rest = middle.map((x, i) => x - sine * Math.sin(turn * i) - cosine * Math.cos(turn * i));
    assert.ok(Math.abs(Math.hypot(sine, cosine) - 1) < 0.02);
    assert.ok(rms(rest) < 0.01, `${rms(rest)} beside the tone`);
  });
}

test("what is above the new rate's band does not come back as another tone", () => {
  assert.ok(rms(resampled(tone(17000, 48000, 1), 48000).slice(1000)) < 0.01);
});

test("the size of the blocks does not matter", () => {
  const input = tone(1000, 44100, 0.5);
  const one = resampled(input, 44100, 128);
  const other = resampled(input, 44100, 1000);
  const shared = Math.min(one.length, other.length);
  assert.ok(shared > 11000);
  for (let i = 0; i < shared; i++) assert.ok(Math.abs(one[i] - other[i]) < 1e-5);
});

const SETTINGS = {
  turns: "server_vad",
  threshold: 0.7,
  silence: null,
  padding: null,
  eagerness: "low",
  voice: "",
  speed: 1.2,
  instructions: "",
  spoken: true,
  tools: [],
  mcp: [],
};
const OPENED = {
  instructions: "Be brief.",
  audio: {
    input: { turn_detection: { type: "server_vad", threshold: 0.5, silence_duration_ms: 400 } },
    output: { voice: "alloy" },
  },
};

test("a session has what was chosen, and else what the server has", () => {
  const session = wholeSession(SETTINGS, OPENED);
  assert.equal(session.instructions, "Be brief.");
  assert.deepEqual(session.output_modalities, ["audio"]);
  assert.deepEqual(session.audio.output, { voice: "alloy", speed: 1.2 });
  assert.ok(session.audio.input.transcription);
  assert.deepEqual(session.audio.input.turn_detection, {
    type: "server_vad",
    threshold: 0.7,
    silence_duration_ms: 400,
  });
});

test("an update has only what changed", () => {
  assert.deepEqual(changedSession({ ...SETTINGS, turns: "push_to_talk" }, OPENED, ["turns"]), {
    type: "realtime",
    audio: { input: { turn_detection: null } },
  });
  assert.deepEqual(changedSession({ ...SETTINGS, turns: "semantic_vad" }, OPENED, ["eagerness"]), {
    type: "realtime",
    audio: { input: { turn_detection: { type: "semantic_vad", eagerness: "low" } } },
  });
  assert.equal(changedSession(SETTINGS, OPENED, ["transport", "microphone"]), null);
});

test("functions go with their schemas, those without a good one are left out", () => {
  const tool = { name: "f", description: "d", parameters: '{"type": "object"}', canned: null };
  const tools = [tool, { ...tool, parameters: "{" }, { ...tool, name: "" }];
  const { tools: sent } = changedSession({ ...SETTINGS, tools }, OPENED, ["tools"]);
  assert.deepEqual(sent, [
    { type: "function", name: "f", description: "d", parameters: { type: "object" } },
  ]);
  assert.equal(parsedSchema("[]"), null);
  assert.deepEqual(parsedSchema(""), {});
});

function called(callId, responseId = "resp_1") {
  const item = { type: "function_call", call_id: callId, name: "f", arguments: "{}" };
  return { type: "response.output_item.done", response_id: responseId, item };
}

const DONE = { type: "response.done", response: { id: "resp_1", status: "completed" } };

test("the model goes on when each call has its result and the response is over", () => {
  const calls = new ToolCalls();
  const canned = (name) => (name === "f" ? "42" : null);
  const [result] = calls.take(called("a"), canned);
  assert.deepEqual(result.item, { type: "function_call_output", call_id: "a", output: "42" });
  assert.deepEqual(calls.take(DONE, canned), [{ type: "response.create" }]);
  assert.deepEqual(calls.open, []);
});

test("a typed result may come before and after the end of the response", () => {
  for (const early of [true, false]) {
    const calls = new ToolCalls();
    calls.take(called("a"), () => null);
    calls.take(called("b"), () => null);
    assert.equal(calls.open.length, 2);
    const kinds = [];
    if (!early) kinds.push(...calls.take(DONE, () => null));
    kinds.push(...calls.answer("a", "1"), ...calls.answer("b", "2"));
    if (early) kinds.push(...calls.take(DONE, () => null));
    assert.deepEqual(
      kinds.map(({ type }) => type),
      ["conversation.item.create", "conversation.item.create", "response.create"],
    );
  }
});

test("a response that was interrupted does not go on", () => {
  const calls = new ToolCalls();
  calls.take(called("a"), () => "1");
  const cancelled = { type: "response.done", response: { id: "resp_1", status: "cancelled" } };
  assert.deepEqual(
    calls.take(cancelled, () => "1"),
    [],
  );
});

test("a model that calls in each answer stops with the answer, until somebody asks again", () => {
  const calls = new ToolCalls();
  const canned = () => "1";
  calls.take(called("a"), canned);
  calls.stop();
  assert.deepEqual(calls.take(DONE, canned), []);
  const said = { type: "conversation.item.added", item: { type: "message", role: "user" } };
  calls.take(said, canned);
  calls.take(called("b"), canned);
  assert.deepEqual(calls.take(DONE, canned), [{ type: "response.create" }]);
  calls.take(called("c"), () => null);
  calls.stop();
  calls.take(DONE, canned);
  assert.equal(calls.answer("c", "typed").at(-1).type, "response.create");
});

test("every close code has words, and a broken line is told from a refusal", () => {
  for (const code of [1001, 1008, 1009, 1011, 1013, 3000, 4000]) {
    const { words, lost } = closedWords(code, "why");
    assert.ok(words.startsWith("ended_") && !lost);
  }
  assert.equal(closedWords(1006, "").lost, true);
  assert.equal(closedWords(3000, "").remedy, "key");
  assert.equal(hungUp("").words, "ended_hung_up");
  assert.equal(hungUp("Time is over.").reason, "Time is over.");
});

function answerWith(address) {
  return `v=0\r\na=candidate:1 1 udp 2130706431 ${address} 8000 typ host\r\n`;
}

test("a call that does not connect is told by the addresses of the answer", () => {
  const wrong = notConnected(answerWith("127.0.0.1"), "talk.example");
  assert.equal(wrong.words, "ice_wrong_host");
  assert.deepEqual(wrong.values, { port: "8000", addresses: "127.0.0.1", host: "talk.example" });
  assert.equal(notConnected(answerWith("192.0.2.1"), "talk.example").words, "ice_blocked");
  assert.equal(notConnected(answerWith("127.0.0.1"), "localhost").words, "ice_blocked");
});

function retold(...events) {
  const history = new History();
  for (const event of events) history.take(event);
  return told(history);
}

function told(history) {
  return history.retold().map(({ item }) => [item.id, item.role, item.content]);
}

function added(id, role, content) {
  return { type: "conversation.item.added", item: message(id, role, content) };
}

function done(id, content, status = "completed") {
  const item = { ...message(id, "assistant", content), status };
  return { type: "conversation.item.done", item };
}

test("another session is told what was said, in its order and under its ids", () => {
  assert.deepEqual(
    retold(
      added("u", "user", [{ type: "input_audio", transcript: null }]),
      added("a", "assistant", []),
      {
        type: "conversation.item.input_audio_transcription.completed",
        item_id: "u",
        transcript: "Hello.",
      },
      done("a", [{ type: "output_audio", transcript: "Hi." }]),
      added("x", "user", [{ type: "input_text", text: "gone" }]),
      { type: "conversation.item.deleted", item_id: "x" },
    ),
    [
      ["u", "user", [{ type: "input_text", text: "Hello." }]],
      ["a", "assistant", [{ type: "output_text", text: "Hi." }]],
    ],
  );
});

/** An answer of ten seconds, as a WebSocket brings it. */
function answer(id, words = WORDS) {
  const of = { item_id: id, response_id: "r", content_index: 0 };
  return [
    added(id, "assistant", []),
    { type: "response.output_audio_transcript.delta", ...of, delta: words },
    { type: "response.output_audio.delta", ...of, delta: "A".repeat(10_000 * 64) },
  ];
}

const WORDS = "one two three four five six seven eight nine ten. ".repeat(2).trim();
const spoken = [{ type: "output_audio", transcript: WORDS }];

test("another session is told what was heard of an answer, and nothing else of it", () => {
  const cut = (ms) => ({ type: "conversation.item.truncated", item_id: "a", audio_end_ms: ms });
  const heard = (...events) => retold(...answer("a"), ...events)[0]?.[2][0].text;
  assert.equal(heard(done("a", spoken)), WORDS);
  const half = heard(done("a", spoken), cut(5000));
  assert.match(half, /^one two .* ten\.$/);
  assert.ok(half.length < WORDS.length * 0.6, half);
  assert.equal(heard(cut(5000), done("a", spoken, "incomplete")), half);
  assert.equal(heard(done("a", spoken), cut(0)), undefined);
  // Words of which no sound came at all.
  assert.deepEqual(retold(answer("a")[0], answer("a")[1], done("a", spoken, "incomplete")), []);
  // What is written is read.
  const text = { type: "response.output_text.delta", item_id: "a", content_index: 0 };
  assert.deepEqual(retold(answer("a")[0], { ...text, delta: "Read me" })[0][2], [
    { type: "output_text", text: "Read me" },
  ]);
});

test("an answer that sounded when the line broke was heard until then, however often it is told", () => {
  const history = new History();
  for (const event of [...answer("a"), done("a", spoken)]) history.take(event);
  history.end(new Map([["a", 5000]]));
  const [once] = told(history);
  assert.ok(once[2][0].text.length < WORDS.length * 0.6);
  // The next session has it so.
  history.take(added("a", "assistant", once[2]));
  history.end(new Map());
  assert.deepEqual(told(history), [once]);
  history.begin();
  assert.deepEqual(told(history), []);
});

function message(id, role, content) {
  return { id, type: "message", role, content };
}

test("the log has the length of sound in place of it, and everything else", () => {
  const delta = { type: "response.output_audio.delta", item_id: "i", delta: "AAAA" };
  assert.equal(withoutAudio(delta).delta, "(4 characters of base64)");
  assert.equal(delta.delta, "AAAA");
  const append = { type: "input_audio_buffer.append", audio: "AAAAAAAA" };
  assert.equal(withoutAudio(append).audio, "(8 characters of base64)");
  const part = { type: "input_audio", audio: "AAAA", transcript: "Hi." };
  const whole = { type: "conversation.item.retrieved", item: { content: [part] } };
  assert.deepEqual(withoutAudio(whole).item.content[0].transcript, "Hi.");
  assert.match(withoutAudio(whole).item.content[0].audio, /^\(4 /);
  const text = { type: "response.output_text.delta", delta: "AAAA" };
  assert.equal(withoutAudio(text), text);
});

test("a call's figures are the browser's, in one unit each", () => {
  const report = new Map(
    [
      { id: "t", type: "transport", selectedCandidatePairId: "p" },
      {
        id: "p",
        type: "candidate-pair",
        currentRoundTripTime: 0.0123,
        bytesSent: 5,
        bytesReceived: 6,
        localCandidateId: "l",
        remoteCandidateId: "r",
      },
      { id: "l", type: "local-candidate", address: "127.0.0.1", port: 1, protocol: "udp" },
      { id: "r", type: "remote-candidate", address: "127.0.0.1", port: 8000, protocol: "udp" },
      { id: "c", type: "codec", clockRate: 48000 },
      {
        id: "i",
        type: "inbound-rtp",
        kind: "audio",
        codecId: "c",
        jitter: 0.002,
        packetsLost: 3,
        packetsReceived: 100,
        concealedSamples: 9600,
        silentConcealedSamples: 4800,
        jitterBufferDelay: 4,
        jitterBufferEmittedCount: 100,
      },
    ].map((entry) => [entry.id, entry]),
  );
  const stats = new CallStats();
  assert.deepEqual(stats.of(report), {
    transport: "webrtc",
    round_trip_ms: 12.3,
    jitter_ms: 2,
    lost_packets: 3,
    received_packets: 100,
    concealed_ms: 100,
    bytes_sent: 5,
    bytes_received: 6,
    buffered_ms: 40,
    local_address: "127.0.0.1:1/udp",
    remote_address: "127.0.0.1:8000/udp",
  });
  const inbound = { ...report.get("i"), jitterBufferDelay: 6, jitterBufferEmittedCount: 200 };
  assert.equal(stats.of(new Map(report).set("i", inbound)).buffered_ms, 20);
  assert.equal(stats.of(new Map(report).set("i", inbound)).buffered_ms, null);
});

const LINE = {
  status: "open",
  reach: "reached",
  serverState: "healthy",
  held: false,
  speaking: false,
  playing: false,
  awaited: false,
  microphone: true,
  byHand: false,
  muted: false,
};

test("no phase promises what does not work", () => {
  const phase = (line) => phaseOf({ ...LINE, ...line });
  assert.equal(phase({}), "listening");
  assert.equal(phase({ microphone: false }), "typing");
  assert.equal(phase({ microphone: false, byHand: true }), "typing");
  assert.equal(phase({ byHand: true }), "ready");
  assert.equal(phase({ playing: true }), "answering");
  assert.equal(phase({ playing: true, microphone: false }), "answering_unheard");
  assert.equal(phase({ playing: true, muted: true }), "answering_unheard");
  assert.equal(phase({ playing: true, byHand: true }), "answering_by_hand");
  assert.equal(phase({ status: "idle" }), "idle");
  assert.equal(phase({ status: "idle", serverState: "starting" }), "starting");
  assert.equal(phase({ status: "idle", reach: "lost" }), "lost");
  assert.equal(phase({ status: "idle", reach: "key" }), "key");
});

test("what was typed is given back until the server has it", () => {
  const unconfirmed = new Unconfirmed();
  const events = typed("Hello?", ["data:a"]);
  unconfirmed.add(events);
  unconfirmed.take({ type: "conversation.item.added", item: { id: events[0].item.id } });
  assert.deepEqual(unconfirmed.giveBack(), { text: "Hello?", images: [] });
  assert.equal(unconfirmed.giveBack(), null);
  unconfirmed.add(events);
  for (const { event_id } of events) unconfirmed.take({ type: "error", error: { event_id } });
  assert.equal(unconfirmed.giveBack(), null);
});

test("what is typed while nothing can be sent gets one answer", () => {
  const waiting = queued(queued([], typed("One", [])), typed("Two", []));
  assert.deepEqual(
    waiting.map(({ type, item }) => item?.content[0].text ?? type),
    ["One", "Two", "response.create"],
  );
});

const ASK = { type: "response.create" };

function refusal(event_id, code = "conversation_already_has_active_response") {
  return { type: "error", error: { event_id, code } };
}

function over(status) {
  return { type: "response.done", response: { id: "r", status } };
}

test("an answer that was asked for is pending until the server takes it up or refuses", () => {
  const asked = new Asked();
  assert.equal(asked.send({ type: "input_audio_buffer.clear" }).event_id, undefined);
  assert.equal(asked.pending, false);
  const first = asked.send(ASK).event_id;
  const second = asked.send(ASK).event_id;
  assert.notEqual(first, second);
  asked.take({ type: "response.created", response: { id: "r" } });
  assert.equal(asked.pending, true);
  asked.take(refusal(second, "too_many_responses"));
  assert.equal(asked.pending, false);
  assert.deepEqual(asked.take(over("completed")), []);
});

test("an answer can be stopped from when it is asked for until it is over", () => {
  const sent = [];
  const link = new (class extends Link {
    transmit(text) {
      sent.push(JSON.parse(text).type);
    }
    unwanted(id) {
      return this.isUnwanted(id);
    }
    get more() {
      return this.stopping;
    }
  })("websocket", { add() {} });
  link.status = "open";
  const told = [];
  const take = (type, rest) => link.took(JSON.stringify({ type, ...rest }));
  const created = (id) => take("response.created", { response: { id } });
  link.addEventListener("status", () => told.push(link.answering));
  link.send(ASK);
  assert.deepEqual(told, [true]);
  assert.equal(link.more, false);
  link.interrupt();
  assert.deepEqual(sent, ["response.create", "response.cancel"]);
  assert.equal(link.more, true);
  // What was made before the server heard of the cancellation is not heard all the same.
  created("resp_1");
  assert.equal(link.answering, true);
  assert.equal(link.unwanted("resp_1"), true);
  assert.equal(link.more, true);
  take("response.done", { response: { id: "resp_1", status: "completed" } });
  assert.equal(link.answering, false);
  assert.equal(link.more, false);
  // Nor is what is still to come of one that is being made.
  link.send(ASK);
  created("resp_2");
  assert.equal(link.unwanted("resp_2"), false);
  link.interrupt();
  assert.equal(link.unwanted("resp_2"), true);
  // One that is refused is not waited for.
  link.send(ASK);
  link.interrupt();
  take("response.done", { response: { id: "resp_2", status: "cancelled" } });
  assert.equal(link.more, true);
  link.took(JSON.stringify(refusal("answer_2")));
  assert.equal(link.more, false);
});

test("an answer for which another one left no room is asked for again when that is over", () => {
  const asked = new Asked();
  const refused = () => asked.take(refusal(asked.send(ASK).event_id));
  assert.deepEqual(refused(), []);
  assert.deepEqual(asked.take(over("completed")), [ASK]);
  assert.deepEqual(asked.take(over("completed")), []);
  // Unless what follows answers it anyway.
  refused();
  assert.deepEqual(asked.take(over("cancelled")), []);
  refused();
  asked.forget([]);
  assert.deepEqual(asked.take(over("completed")), []);
  refused();
  asked.send(ASK);
  assert.deepEqual(asked.take(over("completed")), []);
});

test("how turns are made by hand is told for a while, and no longer", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const shown = new Set();
  const notices = {
    show: ({ id }) => shown.add(id),
    drop: (id) => shown.delete(id),
  };
  const line = { interrupt() {}, send() {}, async setListening() {} };
  const hand = new PushToTalk({ notices });
  const tap = async () => {
    await hand.hold(line);
    await hand.release(line);
  };
  await tap();
  assert.deepEqual([...shown], ["tap"]);
  t.mock.timers.tick(5000);
  await tap();
  // It is told anew, and as long again.
  t.mock.timers.tick(5000);
  assert.deepEqual([...shown], ["tap"]);
  t.mock.timers.tick(1000);
  assert.deepEqual([...shown], []);
});

test("a voice counts later once another one was heard", () => {
  const session = { audio: { output: { voice: "alloy" } } };
  assert.equal(countsLater("voice", "echo", { spoken: false, session }), false);
  assert.equal(countsLater("voice", "echo", { spoken: true, session }), true);
  assert.equal(countsLater("voice", "alloy", { spoken: true, session }), false);
  assert.equal(countsLater("model", "alloy", { spoken: false, session }), true);
  assert.equal(countsLater("speed", "echo", { spoken: true, session }), false);
});

test("voices with names come first, languages in groups, none twice", () => {
  const voices = ["alloy", "ash"].map((id) => ({ id, speaks_as: "gmw/en-US", language: null }));
  for (const id of ["en-us", "gmw/en-US", "roa/fr", "fr", "my-voice", "gmw/en-GB-x-rp"])
    voices.push({ id, speaks_as: id, language: null });
  voices.push({ id: "de-DE-Anna", speaks_as: "de-DE-Anna", language: "de-DE" });
  const options = voiceOptions(voices, "en", "Other languages");
  assert.deepEqual(
    options.map(({ value, group }) => [value, group]),
    [
      ["alloy", undefined],
      ["ash", undefined],
      ["my-voice", undefined],
      ["en-us", "English"],
      ["gmw/en-GB-x-rp", "English"],
      ["fr", "French"],
      ["de-DE-Anna", "German"],
    ],
  );
});

test("a language is offered in one spelling, and none among the voices with names", () => {
  const spellings = [
    ["en-GB-scotland", "en-gb-scotland", "gmw/en-GB-scotland"],
    ["en-GB-x-rp", "en-gb-x-rp", "gmw/en-GB-x-rp"],
    ["en-US-nyc", "en-us-nyc", "gmw/en-US-nyc"],
    ["chr-US-Qaaa-x-west"],
    ["zh", "cmn", "zh-cmn", "sit/cmn"],
    ["cmn-Latn-pinyin", "cmn-latn-pinyin", "sit/cmn-Latn-pinyin"],
    ["yue", "zh-yue", "sit/yue"],
    ["yue-Latn-jyutping", "sit/yue-Latn-jyutping"],
    ["hyw", "hy-arevmda", "ine/hyw"],
    ["ca-nw", "roa/ca-nw"],
    ["fr", "roa/fr"],
    ["py", "art/py"],
    ["piqd", "art/piqd"],
  ];
  const ids = ["sky", "heart", ...spellings.flat().sort()];
  const options = voiceOptions(
    ids.map((id) => ({ id, speaks_as: id, language: null })),
    "en",
    "Other languages",
  );
  const named = options.filter(({ group }) => !group).map(({ value }) => value);
  assert.deepEqual(named, ["sky", "heart"]);
  for (const alike of spellings) {
    const offered = options.filter(({ value }) => alike.includes(value));
    assert.equal(offered.length, 1, alike.join(", "));
    assert.ok(!offered[0].value.includes("/"), offered[0].value);
  }
  const others = options.filter(({ group }) => group === "Other languages");
  assert.deepEqual(
    others.map(({ words }) => words),
    options.slice(-others.length).map(({ words }) => words),
  );
  assert.deepEqual(others.map(({ value }) => value).sort(), ["hyw", "piqd", "py"]);
});
