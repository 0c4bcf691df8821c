// `mooring check` against single servers: what holds, and what is no Mooring.
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCheck } from '../service/check/check.ts';
import { judgeCookies } from '../service/check/cookie.ts';
import { parseDoor } from '../service/check/door.ts';
import { parseCheck } from '../service/check/options.ts';
import { listen } from '../service/http/router.ts';
import { startRedis } from './harness/redis.ts';
import { secret, startApp, startProcess, tokenFor, until, untilReady } from './harness/service.ts';

const key = { secret, algorithm: 'HS256' };

const check = (...args: string[]) => runCheck(parseCheck(['--times', '4', ...args], () => key));

type Report = Awaited<ReturnType<typeof check>>;
const states = ({ results }: Report) =>
  Object.fromEntries(results.map(({ name, state, finding }) => [name, finding ?? state]));

/** The command as users run it. */
function run(args: string[], env: Record<string, string> = { JWT_SECRET: secret }) {
  return new Promise<{ status: unknown; output: string; errors: string }>((resolve) => {
    const command = ['service/main.ts', 'check', ...args];
    execFile(process.execPath, command, { env }, (error, output, errors) =>
      resolve({ status: error ? error.code : 0, output, errors }),
    );
  });
}

describe('mooring check', () => {
  it('finds nothing wrong with one process, and says what one cannot show', async () => {
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
      affinity: 'holds',
      message: 'skipped',
      recovery: 'holds',
      refusal: 'holds',
      'idle websocket': 'holds',
      'idle polling': 'holds',
    });
  });

  it('leaves nobody behind', async () => {
    const { app, url } = await startApp();
    await check(url, '--quick');
    await until('all are gone', () => app.io.engine.clientsCount === 0, 2_000);
    expect(await app.io.fetchSockets()).toEqual([]);
  });

  it('works with one token from elsewhere, in the rooms it allows', async () => {
    const { url } = await startApp({ ROOM_ACCESS: 'claims' });
    const token = tokenFor({ sub: 'alice', rooms: ['probe-*'] });
    const inside = await check(url, '--quick', '--token', token, '--room-prefix', 'probe-');
    expect(states(inside)).toMatchObject({ message: 'skipped', recovery: 'holds' });
    const outside = await check(url, '--quick', '--token', token);
    expect(outside.ok).toBe(true);
    expect(outside.results).toContainEqual({
      name: 'recovery',
      state: 'skipped',
      detail: 'a room cannot be joined: access_denied',
    });
  });

  it('sees that a lost connection is not recovered', async () => {
    const { url: redis } = await startRedis();
    const { url, operationsUrl } = await startApp({ RECOVERY_MS_MAX: '0', REDIS_URL: redis });
    await untilReady(operationsUrl);
    const report = await check(url, '--quick');
    expect(states(report)).toMatchObject({ recovery: 'not_recovered', message: 'skipped' });
  });

  it('fails when fewer pods are met than were asked for', async () => {
    const { url } = await startApp();
    expect(states(await check(url, '--quick', '--pods', '2'))).toMatchObject({
      message: 'few_pods',
      recovery: 'holds',
    });
  });

  it('knows a Socket.IO server that is not Mooring', async () => {
    const http = createServer();
    const io = new Server(http);
    onTestFinished(() => io.close());
    const report = await check(`http://127.0.0.1:${await listen(http, 0, '127.0.0.1')}`);
    expect(states(report)).toMatchObject({ handshake: 'holds', websocket: 'not_mooring' });
  }, 10_000);

  it('names a web server, an address without one, a wrong path and a wrong scheme', async () => {
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

describe('an affinity cookie', () => {
  const judge = (setCookie: string, url = 'https://chat.example.com') =>
    judgeCookies([setCookie], parseDoor(url));

  it.each([
    ['m=1; Path=/; SameSite=None', 'cookie_not_secure'],
    ['m=1; Path=/api', 'cookie_path'],
    ['m=1; Path=/socket', 'cookie_path'],
    ['m=1; Path=/; Domain=example.org', 'cookie_domain'],
    ['m=1; Path=/; Max-Age=0', 'cookie_expired'],
    ['m=1; Path=/; Expires=Thu, 01 Jan 2015 00:00:00 GMT', 'cookie_expired'],
  ])('that browsers drop is found: %s', (setCookie, finding) => {
    expect(judge(setCookie)).toMatchObject({ state: 'fails', finding });
  });

  it.each([
    [
      'm=1; path=/; secure; samesite=none; httponly',
      'm (Path=/, session, SameSite=none, Secure, HttpOnly)',
    ],
    [
      'm=1; Domain=.example.com; Max-Age=60; Expires=Thu, 01 Jan 2015 00:00:00 GMT',
      'm (Max-Age=60)',
    ],
    ['m=a=b; Path=/socket.io', 'm (Path=/socket.io, session)'],
  ])('that they keep is described: %s', (setCookie, detail) => {
    expect(judge(setCookie)).toEqual({ name: 'cookie', state: 'holds', detail });
  });

  it('that is Secure does nothing over http, but on this machine', () => {
    expect(judge('m=1; Secure', 'http://chat.example.com').finding).toBe('cookie_needs_tls');
    expect(judge('m=1; Secure', 'http://localhost:8080').state).toBe('holds');
  });
});

describe('the command', () => {
  it('exits 0 with a table when nothing fails, with tokens as the service asks for', async () => {
    const issued = { JWT_ISSUER: 'me', JWT_AUDIENCE: 'chat', JWT_ALGORITHMS: 'HS512' };
    const { url, operationsUrl } = await startProcess(issued);
    await untilReady(operationsUrl);
    const env = { JWT_SECRET: secret, ...issued };
    const { status, output } = await run([url, '--quick', '--times', '4'], env);
    expect(output).toMatch(/^ {2}ok +polling +4 of 4/m);
    expect(output).toMatch(/^ {2}skipped +idle +--quick/m);
    expect(status).toBe(0);
  });

  it('exits 1 with the cause and the setting when its secret is another', async () => {
    const { url, operationsUrl } = await startProcess();
    await untilReady(operationsUrl);
    const env = { JWT_SECRET: `not ${secret}` };
    const { status, output, errors } = await run([url, '--json'], env);
    expect(status).toBe(1);
    const { ok, results } = JSON.parse(output);
    expect(ok).toBe(false);
    expect(results[1]).toMatchObject({
      name: 'websocket',
      finding: 'token_refused',
      detail: expect.stringContaining('refused: invalid_token'),
      settings: { Mooring: [expect.stringContaining('JWT_SECRET')] },
    });
    expect(output + errors).not.toContain(secret);
  });

  it('exits 1 with one clear sentence when nothing listens', async () => {
    const { status, output, errors } = await run(['http://127.0.0.1:1']);
    expect(output).toContain('nothing listens at 127.0.0.1:1');
    expect(output).not.toMatch(/\n +at /);
    expect([status, errors]).toEqual([1, '']);
  });

  it.each([
    [[], 'check needs one URL'],
    [['example.com'], 'example.com is no URL'],
    [['http://a', '--times', '0'], '--times must be a whole number from 1 to 200'],
    [['http://a', '--token', 'x', '--token-file', 'y'], 'keep one'],
    [['http://a', '--token-file', '/nowhere'], '--token-file cannot be read'],
    [['http://a', '--unknown'], "Unknown option '--unknown'"],
  ])('says what is wrong with %j', (args, sentence) => {
    expect(() => parseCheck(args, () => key)).toThrow(sentence);
  });

  it('exits 2 without a token and without a secret', async () => {
    const { status, output, errors } = await run(['http://127.0.0.1:1'], {});
    expect(errors).toContain('JWT_SECRET');
    expect([status, output]).toEqual([2, '']);
  });
});
