// Requests that a primary and its workers must not take as they come.
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../harness/redis.ts';
import { startProcess, untilReady } from '../harness/service.ts';

/** A module that has servers wait for half a second, not for a minute. */
const hurried = `data:text/javascript,${encodeURIComponent(`
  import http from 'node:http';
  import { syncBuiltinESMExports } from 'node:module';
  const create = http.createServer;
  const times = { headersTimeout: 500, requestTimeout: 500, connectionsCheckingInterval: 50 };
  http.createServer = (...given) => {
    const options = given.find((one) => typeof one === 'object');
    return create({ ...options, ...times }, given.find((one) => typeof one === 'function'));
  };
  syncBuiltinESMExports();
`)}`;

/** Sends it to one of two workers; resolves to what has come back once the connection is closed. */
async function sent(lines: string[], env: Record<string, string> = {}): Promise<string> {
  const redis = await startRedis();
  const service = await startProcess({ REDIS_URL: redis.url, WORKERS: '2', ...env });
  await untilReady(service.operationsUrl);
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  let answer = '';
  socket.on('data', (data) => {
    answer += data;
  });
  socket.write(lines.map((line) => `${line}\r\n`).join(''));
  await once(socket, 'close', { signal: AbortSignal.timeout(8_000) });
  return answer;
}

describe('workers', () => {
  it('wait for the head of a request only as long as a server does', async () => {
    const answer = await sent(['GET / HTTP/1.1', 'Host: a'], {
      NODE_OPTIONS: `--import=${hurried}`,
    });
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
  });

  it('take no WebSocket that the primary would keep, and write to without a bound', async () => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    const request = 'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1';
    const answer = await sent([request, 'Host: a', ...upgrade, key, 'Content-Length: 0', '']);
    expect(answer).toBe('');
  });
});
