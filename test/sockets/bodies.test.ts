// Bodies on the port for clients: without a token, the service holds little, and not for long.
import { describe, expect, it } from 'vitest';
import { startApp, until } from '../harness/service.ts';
import { rawConnection } from '../shell/raw.ts';

/** Sends the head of a POST and a part of its body, and records what comes back. */
function post(url: string, path: string, bytes: number, sent: number) {
  const { hostname } = new URL(url);
  const connection = rawConnection(url);
  const head = [`POST ${path} HTTP/1.1`, `Host: ${hostname}`, `Content-Length: ${bytes}`];
  connection.socket.write(`${[...head, '', ''].join('\r\n')}${'x'.repeat(sent)}`);
  return connection;
}

describe('a body on the port for clients', () => {
  it.each([
    ['PAGE off', '/', 'off'],
    ['PAGE on', '/', 'on'],
    ['a health check', '/healthz', 'off'],
  ])('without a session is not read: %s', async (_, path, PAGE) => {
    const { url } = await startApp({ PAGE });
    const request = post(url, path, 1_048_576, 1_000_000);
    await until('it is answered and closed', () => request.isClosed);
    expect(request.answer).toMatch(/^HTTP\/1\.1 413 |^$/); // the client may see only the reset
  });

  it('that never ends is cut off in seconds, also with a session', async () => {
    const { url } = await startApp();
    const opened = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await opened.text()).slice(1));
    const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
    const request = post(url, path, 100_000, 99_000);
    await until('it is cut off', () => request.isClosed, 60_000);
  });
});

it('an idle connection outlives the idle time of load balancers', async () => {
  const { app } = await startApp();
  expect(Reflect.get(app.io.httpServer, 'keepAliveTimeout')).toBeGreaterThan(600_000);
});
