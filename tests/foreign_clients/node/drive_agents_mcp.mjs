// Drives OpenAI's Agents SDK for JavaScript with a hosted MCP tool and its defaults: it asks for a
// response after each call of a tool.

import { hostedMcpTool } from '@openai/agents-core';
import { RealtimeAgent, RealtimeSession } from '@openai/agents-realtime';
import { Watch, run } from './scenarios.mjs';

const [, , , serverUrl] = process.argv;

class Talk extends Watch {
  constructor(session, say) {
    super();
    this.session = session;
    this.types = [];
    this.approvals = [];
    this.tools = [];
    const on = (kind, report) =>
      session.on(kind, (...values) => {
        report(...values);
        this.changed();
      });
    on('transport_event', (event) => {
      this.types.push(event.type);
      if (event.type === 'response.created') say('created', { id: event.response.id });
      if (event.type === 'response.done') {
        const { id, status, output } = event.response;
        say('response', { id, status, output: output.map((item) => item.type) });
      }
    });
    on('mcp_tools_changed', (tools) => (this.tools = tools.map((tool) => tool.name)));
    on('mcp_tool_call_completed', (_context, _agent, call) =>
      say('called', { name: call.name, output: call.output }),
    );
    on('tool_approval_requested', (_context, _agent, request) => this.approvals.push(request));
    on('agent_end', (_context, _agent, output) => say('agent_end', { output }));
    on('history_updated', () => {});
    on('error', ({ error }) => say('error', { error: error.message ?? error }));
    this.creates = 0;
  }

  /** Count what the client asks for by itself. */
  listen() {
    const socket = this.session.transport.connectionState.websocket;
    const send = socket.send.bind(socket);
    socket.send = (frame, ...rest) => {
      if (JSON.parse(frame).type === 'response.create') this.creates += 1;
      return send(frame, ...rest);
    };
  }

  count(type) {
    return this.types.filter((seen) => seen === type).length;
  }

  spoken() {
    return this.session.history
      .filter((item) => item.type === 'message' && item.role === 'assistant')
      .map((item) => item.content.map((part) => part.transcript ?? part.text ?? '').join(' '));
  }

  said(text) {
    return this.until(() => this.spoken().some((words) => words.includes(text)));
  }

  conclude(say) {
    say('sent', { creates: this.creates });
    say('history', { assistant: this.spoken() });
    this.session.close();
  }
}

async function connect(url, say, options = {}) {
  const tool = hostedMcpTool({ serverLabel: 'city', serverUrl, ...options });
  const agent = new RealtimeAgent({ name: 'Assistant', instructions: 'Be brief.', tools: [tool] });
  const session = new RealtimeSession(agent, { transport: 'websocket', model: 'gpt-realtime' });
  const talk = new Talk(session, say);
  await session.connect({ apiKey: 'none', url });
  talk.listen();
  await talk.until(() => talk.tools.length === 2);
  say('tools', { names: talk.tools });
  return talk;
}

// What is sent once the answer was heard is answered, too: nothing waits for what never comes.
async function goesOn(talk) {
  talk.session.sendMessage('hello');
  await talk.said('Hello');
  await talk.until(() => talk.count('response.done') === talk.count('response.created'));
}

async function tool(url, say) {
  const talk = await connect(url, say);
  talk.session.sendMessage('what is the weather in Oslo?');
  await talk.said('21C');
  await goesOn(talk);
  talk.conclude(say);
}

async function approved(url, say) {
  const talk = await connect(url, say, { requireApproval: 'always' });
  talk.session.sendMessage('what is the weather in Oslo?');
  await talk.until(() => talk.approvals.length === 1);
  await talk.session.approve(talk.approvals[0].approvalItem);
  await talk.said('21C');
  await goesOn(talk);
  talk.conclude(say);
}

async function refused(url, say) {
  const talk = await connect(url, say, { requireApproval: 'always' });
  talk.session.sendMessage('what is the weather in Oslo?');
  await talk.until(() => talk.approvals.length === 1);
  await talk.session.reject(talk.approvals[0].approvalItem);
  await talk.said('approve');
  await goesOn(talk);
  talk.conclude(say);
}

async function twice(url, say) {
  const talk = await connect(url, say);
  talk.session.sendMessage('what is the weather in Oslo? And what is the weather in Rome?');
  await talk.said('Rome');
  await goesOn(talk);
  talk.conclude(say);
}

run({ tool, approved, refused, twice });
