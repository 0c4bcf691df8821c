// A webhook for ROOM_ACCESS that records what it is asked; its answers may change.
import { createServer } from 'node:http';
import { onTestFinished } from 'vitest';
import { listen } from '../../service/api/router.ts';

export async function startWebhook() {
  const held = new Map<string, Promise<void>>();
  const webhook = {
    asked: [] as unknown[],
    status: 200,
    body: '',
    silent: false,
    url: '',
    /** Rooms that it denies. */
    denied: new Set<string>(),
    /** Answers nothing about a role until the returned function is called; then it allows. */
    hold(role: string): () => void {
      const { promise, resolve } = Promise.withResolvers<void>();
      held.set(role, promise);
      return resolve;
    },
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const asked = JSON.parse(body);
    webhook.asked.push(asked);
    if (webhook.silent) return;
    const status = webhook.denied.has(asked.roomId) ? 403 : webhook.status;
    await held.get(asked.role);
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(webhook.body);
  });
  webhook.url = `http://127.0.0.1:${await listen(server, 0, '127.0.0.1')}/access`;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return webhook;
}
