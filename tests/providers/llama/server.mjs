// llama.cpp behind POST /v1/chat/completions, streamed.
//
// usage: node server.mjs MODEL.gguf NAME; prints its port, serves until it is killed.
import {createServer} from "node:http";
import {getLlama, LlamaChatSession, LlamaLogLevel, resolveChatWrapper} from "node-llama-cpp";

const [path, name] = process.argv.slice(2);
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: path});
// Several threads would wait for each other in a loop, which starves a busy machine.
const context = await model.createContext({contextSize: 2048, threads: 1});
const sequence = context.getSequence();
// Left to itself, every session would resolve it anew, which takes a second.
const chatWrapper = resolveChatWrapper(model);

const kinds = {system: "system", user: "user", assistant: "model"};
const toHistory = ({role, content}) =>
    role === "assistant" ? {type: "model", response: [content]} : {type: kinds[role], text: content};

async function complete(request, response) {
    const {model: asked, messages, max_tokens: maxTokens} = JSON.parse(await read(request));
    if (asked !== name) {
        response.writeHead(404, {"content-type": "application/json"});
        return response.end(JSON.stringify({error: {message: `model "${asked}" not found`}}));
    }
    response.writeHead(200, {"content-type": "text/event-stream"});
    const head = {id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: name};
    const send = (fields) => response.write(`data: ${JSON.stringify({...head, ...fields})}\n\n`);
    const choice = (delta, finish_reason = null) =>
        send({choices: [{index: 0, delta, finish_reason}]});

    await sequence.clearHistory();
    const before = sequence.tokenMeter.getState();
    const session = new LlamaChatSession({contextSequence: sequence, chatWrapper});
    session.setChatHistory(messages.slice(0, -1).map(toHistory));
    const {stopReason} = await session.promptWithMeta(messages.at(-1).content, {
        maxTokens, temperature: 0, onTextChunk: (content) => choice({content})
    });
    session.dispose({disposeSequence: false});
    choice({}, stopReason === "maxTokens" ? "length" : "stop");
    const {usedInputTokens, usedOutputTokens} = sequence.tokenMeter.diff(before);
    const usage = {prompt_tokens: usedInputTokens, completion_tokens: usedOutputTokens,
        total_tokens: usedInputTokens + usedOutputTokens};
    send({choices: [], usage});
    return response.end("data: [DONE]\n\n");
}

async function read(stream) {
    let text = "";
    for await (const piece of stream.setEncoding("utf8")) text += piece;
    return text;
}

const server = createServer(async (request, response) => {
    if (request.method === "POST" && request.url === "/v1/chat/completions")
        return complete(request, response);
    return response.writeHead(404).end();
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
