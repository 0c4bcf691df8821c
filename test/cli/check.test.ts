// `mooring check` against single servers: Mooring, and servers that are not.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listen } from '../../service/api/router.ts';
import { runCheck } from '../../service/cli/check/check.ts';
import { parseCheck } from '../../service/cli/check/options.ts';
import { startRedis } from '../harness/redis.ts';
import { secret, startApp, tokenFor, until, untilReady } from '../harness/service.ts';

const key = { secret, algorithm: 'HS256' };

const check = (...args: string[]) => runCheck(parseCheck(['--times', '4', ...args], () => key));

type Report = Awaited<ReturnType<typeof check>>;
const states = ({ results }: Report) =>
  Object.fromEntries(results.map(({ name, state, finding }) => [name, finding ?? state]));

describe('mooring check', () => {
  it('passes on a single process and skips what needs two pods', async () => {
    const { app, url } = await startApp({ POD_NAME: 'alone' });
    Reflect.set(app.io.engine.opts, 'pingInterval', 300); // the handshake tells it to the clients
    const report = await check(url);
    expect(report).toMatchObject({ ok: true, pods: ['alone'] });
    expect(states(report)).toEqual({
      handshake: 'holds',
      websocket: 'holds',
      upgrade: 'holds',
      polling: 'holds',
      cookie: 'skipped',
      page: 'holds',
      'cross-origin': 'skipped',
      affinity: 'holds',
      message: 'skipped',
      recovery: 'holds',
      refusal: 'holds',
      'idle websocket': 'holds',
      'idle polling': 'holds',
    });
  });

  it('connects to the host that it is given, and asks for that of the URL', async () => {
    const { url } = await startApp({ POD_NAME: 'alone' });
    const { port } = new URL(url);
    const report = await check(
      `http://chat.invalid:${port}`,
      '--quick',
      '--connect-to',
      '127.0.0.1',
    );
    expect(report).toMatchObject({ ok: true, pods: ['alone'] });
    expect(report.target.origin).toBe(`http://chat.invalid:${port}`);
    const unknown = await check(`http://chat.invalid:${port}`, '--quick');
    expect(unknown.ok).toBe(false);
  });

  it('leaves no connection behind', async () => {
    const { app, url } = await startApp();
    await check(url, '--quick');
    await until('all are gone', () => app.io.engine.clientsCount === 0, 2_000);
    expect(await app.io.fetchSockets()).toEqual([]);
  });

  it('works with a given token, in the rooms that it allows', async () => {
    const { url } = await startApp({ ROOM_ACCESS: 'claims' });
    const token = tokenFor({ sub: 'alice', rooms: ['probe-*'] });
    const inside = await check(url, '--quick', '--token', token, '--room-prefix', 'probe-');
    expect(states(inside)).toMatchObject({ message: 'skipped', recovery: 'holds' });
    const outside = await check(url, '--quick', '--token', token);
    expect(outside.ok).toBe(true);
    expect(outside.results).toContainEqual({
      name: 'recovery',
      state: 'skipped',
      detail: 'cannot join a room: access_denied',
    });
  });

  it('detects that a lost connection is not recovered', async () => {
    const { url: redis } = await startRedis();
    const { url, operationsUrl } = await startApp({ RECOVERY_MS_MAX: '0', REDIS_URL: redis });
    await untilReady(operationsUrl);
    const report = await check(url, '--quick');
    expect(states(report)).toMatchObject({ recovery: 'not_recovered', message: 'skipped' });
  });

  it('fails when fewer pods are reached than --pods requires', async () => {
    const { url } = await startApp();
    expect(states(await check(url, '--quick', '--pods', '2'))).toMatchObject({
      message: 'few_pods',
      recovery: 'holds',
    });
  });

  it('recognizes a Socket.IO server that is not Mooring', async () => {
    const http = createServer();
    const io = new Server(http);
    onTestFinished(() => io.close());
    const report = await check(`http://127.0.0.1:${await listen(http, 0, '127.0.0.1')}`);
    expect(states(report)).toMatchObject({ handshake: 'holds', websocket: 'not_mooring' });
  });

  it('recognizes a web server, a closed port, a wrong path and a wrong scheme', async () => {
    const web = createServer((_, response) => response.end('<h1>It works</h1>'));
    onTestFinished(() => {
      web.close();
    });
    const address = `127.0.0.1:${await listen(web, 0, '127.0.0.1')}`;
    const { url } = await startApp();
    const first = async (target: string) => (await check(target, '--quick')).results[0]?.finding;
    expect(await first(`http://${address}`)).toBe('not_engine');
    expect(await first(`https://${address}`)).toBe('tls');
    expect(await first('http://127.0.0.1:1')).toBe('unreachable');
    expect(await first(`${url}/elsewhere/`)).toBe('not_found');
    expect(await first(`${url}/socket.io/`)).toBeUndefined();
  });
});
