// A part of an app that talks with a Realtime server: it answers questions about the weather.

import { OpenAIRealtimeWS } from 'openai/realtime/ws';

const TOOL = {
  type: 'function',
  name: 'get_weather',
  description: 'Weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
};

export function ask(client, question, lookUp, options = {}) {
  return new Promise((resolve, reject) => {
    const realtime = new OpenAIRealtimeWS({ model: 'gpt-realtime', options }, client);
    realtime.on('error', reject);
    realtime.socket.on('close', () => reject(new Error('the connection was lost')));
    realtime.on('session.created', () => {
      const session = { type: 'realtime', output_modalities: ['text'], tools: [TOOL] };
      realtime.send({ type: 'session.update', session });
      const content = [{ type: 'input_text', text: question }];
      const item = { type: 'message', role: 'user', content };
      realtime.send({ type: 'conversation.item.create', item });
      realtime.send({ type: 'response.create' });
    });
    realtime.on('response.done', ({ response }) => {
      const calls = response.output.filter((item) => item.type === 'function_call');
      if (response.status === 'failed') {
        reject(new Error(response.status_details.error.code));
      } else if (calls.length) {
        for (const call of calls) {
          const output = lookUp(JSON.parse(call.arguments).city);
          const item = { type: 'function_call_output', call_id: call.call_id, output };
          realtime.send({ type: 'conversation.item.create', item });
        }
        realtime.send({ type: 'response.create' });
        return;
      } else {
        resolve(response.output[0].content[0].text);
      }
      realtime.close();
    });
  });
}
