/**
 * Programs that talk to this very server, to be copied and run. Pure; each is run by the tests.
 */

/** @typedef {import('./addresses.js').Addresses} Addresses */
/** @typedef {'python' | 'javascript' | 'webrtc' | 'curl'} Name */

/**
 * Return the programs, in the order in which they are offered.
 *
 * @param {Addresses} addresses
 * @param {object} server
 * @param {boolean} server.keys Whether it needs a key: then the programs read one from `OPENAI_API_KEY`.
 * @param {boolean} server.webrtc Whether it takes calls.
 * @param {string} hello What the programs say.
 * @returns {{name: Name, code: string}[]}
 */
export function snippets(addresses, { keys, webrtc }, hello) {
  const { base, secure } = addresses;
  /** @type {{name: Name, code: string}[]} */
  const found = [];
  if (base !== null) found.push({ name: "python", code: python(base, keys, hello) });
  const byWebSocket =
    base !== null && secure ? sdk(base, keys, hello) : plain(addresses.websocket, keys, hello);
  found.push({ name: "javascript", code: byWebSocket });
  if (webrtc) found.push({ name: "webrtc", code: call(addresses.calls, keys) });
  found.push({ name: "curl", code: curl(addresses, keys, webrtc) });
  return found;
}

/**
 * @param {string} base
 * @param {boolean} keys
 * @param {string} hello
 */
function python(base, keys, hello) {
  return `\
# pip install "openai[realtime]"
from openai import OpenAI

client = OpenAI(base_url="${base}"${keys ? "" : ', api_key="none"'})
with client.realtime.connect(model="gpt-realtime") as connection:
    session = {"type": "realtime", "output_modalities": ["text"]}
    connection.session.update(session=session)
    content = [{"type": "input_text", "text": "${hello}"}]
    message = {"type": "message", "role": "user", "content": content}
    connection.conversation.item.create(item=message)
    connection.response.create()
    for event in connection:
        if event.type == "response.output_text.delta":
            print(event.delta, end="", flush=True)
        elif event.type in ("response.done", "error"):
            break
`;
}

/**
 * @param {string} base
 * @param {boolean} keys
 * @param {string} hello
 */
function sdk(base, keys, hello) {
  return `\
// npm install openai ws
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const baseURL = "${base}";
const client = new OpenAI({ baseURL${keys ? "" : ', apiKey: "none"'} });
const realtime = new OpenAIRealtimeWS({ model: "gpt-realtime" }, client);
realtime.on("session.created", () => {
  const session = { type: "realtime", output_modalities: ["text"] };
  realtime.send({ type: "session.update", session });
  const content = [{ type: "input_text", text: "${hello}" }];
  const item = { type: "message", role: "user", content };
  realtime.send({ type: "conversation.item.create", item });
  realtime.send({ type: "response.create" });
});
realtime.on("response.output_text.delta", (event) => {
  process.stdout.write(event.delta);
});
realtime.on("response.done", () => realtime.close());
`;
}

/**
 * @param {string} websocket
 * @param {boolean} keys
 * @param {string} hello
 */
function plain(websocket, keys, hello) {
  const key = keys ? ', "openai-insecure-api-key." + process.env.OPENAI_API_KEY' : "";
  return `\
// Node 22 or later. OpenAI's SDK for JavaScript connects by wss: only.
const url = "${websocket}?model=gpt-realtime";
const socket = new WebSocket(url, ["realtime"${key}]);
const send = (event) => socket.send(JSON.stringify(event));
socket.onopen = () => {
  const session = { type: "realtime", output_modalities: ["text"] };
  send({ type: "session.update", session });
  const content = [{ type: "input_text", text: "${hello}" }];
  const item = { type: "message", role: "user", content };
  send({ type: "conversation.item.create", item });
  send({ type: "response.create" });
};
socket.onmessage = (message) => {
  const event = JSON.parse(message.data);
  if (event.type === "response.output_text.done") console.log(event.text);
  if (event.type === "response.done") socket.close();
};
`;
}

/**
 * @param {string} calls
 * @param {boolean} keys
 */
function call(calls, keys) {
  const key = keys ? ', Authorization: "Bearer ek_…"' : "";
  const made = keys ? "\n// Your server makes the key, ek_…: POST …/client_secrets." : "";
  return `\
// In a web page, on localhost or by https: browsers give others no microphone.${made}
const call = new RTCPeerConnection();
const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
call.addTrack(microphone.getAudioTracks()[0], microphone);
const loudspeaker = new Audio();
loudspeaker.autoplay = true;
call.ontrack = (event) => (loudspeaker.srcObject = event.streams[0]);
const events = call.createDataChannel("oai-events");
events.onmessage = (message) => console.log(JSON.parse(message.data));

await call.setLocalDescription();
const answer = await fetch("${calls}", {
  method: "POST",
  headers: { "Content-Type": "application/sdp"${key} },
  body: call.localDescription.sdp,
});
await call.setRemoteDescription({ type: "answer", sdp: await answer.text() });
`;
}

/**
 * @param {Addresses} addresses
 * @param {boolean} keys
 * @param {boolean} webrtc
 */
function curl({ page, base, calls, secrets }, keys, webrtc) {
  const key = keys ? '-H "Authorization: Bearer $OPENAI_API_KEY" ' : "";
  const models = `${base ?? `${page}v1`}/models`;
  const callers = `
# A call: the offer of a WebRTC library, as offer.sdp, goes in, the answer comes out.
curl ${key}-H "Content-Type: application/sdp" \\
  --data-binary @offer.sdp ${calls}
`;
  return `\
curl ${page}health
curl ${key}${models}

# A key for a browser, ek_…, which holds for ten minutes.
curl ${key}-X POST ${secrets}
${webrtc ? callers : ""}`;
}
