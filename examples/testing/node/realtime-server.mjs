// Starts a Realtime server for the tests, and lets them say what it does.

import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { inject } from 'vitest';

const COMMAND = process.env.OPEN_REALTIME_SERVER ?? 'open-realtime-server';
const KEY = 'sk-of-these-tests-alone';

// --- what vitest calls once (`globalSetup`) --------------------------------------------------------

export default async function start(project) {
  const server = spawn(`exec ${COMMAND} --testing --port 0 --log-json`, {
    shell: true,
    env: { ...process.env, REALTIME_API_KEYS: KEY, REALTIME_WEBRTC__UDP_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  server.stderr.on('data', (written) => (log = (log + written).slice(-4000)));
  const address = await new Promise((resolve, reject) => {
    server.on('error', reject);
    server.on('close', (code) => reject(new Error(`${COMMAND} ended (${code}):\n${log}`)));
    createInterface({ input: server.stdout }).on('line', (line) => {
      const said = line.startsWith('{') ? JSON.parse(line) : {};
      if (said.event === 'server.ready') resolve(said.address);
    });
  });
  project.provide('realtimePort', Number(new URL(address).port));
  return () => {
    server.removeAllListeners('close');
    server.kill();
  };
}

// --- what tests use --------------------------------------------------------------------------------

export class RealtimeServer {
  port = inject('realtimePort');
  http = `http://127.0.0.1:${this.port}`;
  baseURL = `${this.http}/v1`;
  apiKey = KEY;

  // The `openai` package connects by `wss:` alone. This takes it to the server all the same:
  // new OpenAIRealtimeWS({ model, options: server.plain }, client)
  plain = { createConnection: () => connect(this.port, '127.0.0.1') };

  script(...rules) {
    return this.ask('/testing/script', rules);
  }

  async events(query = {}) {
    const asked = new URLSearchParams(query);
    return (await this.ask(`/testing/events?${asked}`)).events.map(({ event }) => event);
  }

  async sessions() {
    return (await this.ask('/testing/sessions')).sessions;
  }

  reset() {
    return this.ask('/testing/reset', {});
  }

  async ask(path, body) {
    const method = body === undefined ? 'GET' : 'POST';
    const headers = { Authorization: `Bearer ${KEY}` };
    const answer = await fetch(`${this.http}${path}`, { method, headers, body: JSON.stringify(body) });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error.message);
    return told;
  }
}
