// `mooring trace` as users run it: its lines, its errors and its exit status.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createLines } from '../../service/cli/trace/line.ts';
import { parseTrace } from '../../service/cli/trace/options.ts';
import { createOrder } from '../../service/cli/trace/order.ts';
import { traceLimits } from '../../service/stores/traces.ts';
import type { TrailEvent } from '../../service/telemetry/trail/event.ts';
import { post } from '../harness/backend.ts';
import { startRedis } from '../harness/redis.ts';
import {
  apiKey,
  collect,
  connected,
  freePort,
  startApp,
  startProcess,
  tokenFor,
  until,
  untilReady,
} from '../harness/service.ts';

/** The command as users run it. */
function start(args: string[], env: Record<string, string> = { API_KEY: apiKey }) {
  const child = spawn(process.execPath, ['service/main.ts', 'trace', ...args], { env });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = collect(child);
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  return { child, output, exited };
}

async function run(args: string[], env?: Record<string, string>) {
  const { output, exited } = start(args, env);
  const [status] = await exited;
  return { status, output: output() };
}

describe('the command', () => {
  it('prints a line for each event on every replica, and no text or token', async () => {
    const { url } = await startRedis();
    const replica = async (POD_NAME: string) => {
      const service = await startApp({ REDIS_URL: url, POD_NAME, TRACE: 'on' });
      await untilReady(service.operationsUrl);
      return service;
    };
    const [a, b] = [await replica('a'), await replica('b')];
    const key = join(tmpdir(), `mooring-key-${process.pid}`);
    writeFileSync(key, `${apiKey}\n`);
    const options = ['--user', 'alice', '--url', a.operationsUrl, '--api-key-file', key];
    const trace = start(options, {});
    await until('both follow', () => /^\S+ +b +following/m.test(trace.output()));
    const token = tokenFor('alice');
    const alice = await connected(b.connect('alice', { token, transports: ['websocket'] }));
    const offer = { users: ['alice'], event: 'offer', data: 'text-that-nobody-may-see' };
    await post(a.operationsUrl, 'publish', offer);
    await until('it is delivered', () => /delivered +offer/.test(trace.output()));
    trace.child.kill('SIGINT');
    expect(await trace.exited).toEqual([0, null]);
    const lines = trace.output();
    expect(lines).toMatch(/^Following alice until \d\d:\d\d:\d\dZ; press Ctrl-C to stop\.$/m);
    const socket = `socket ${alice.id}  session [\\da-f]{12}$`;
    const time = '^\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z';
    const [, id] = /message (\d{16}) {2}to user:alice/.exec(lines) ?? [];
    for (const line of [
      `${time} +b +connected +websocket  new session  ${socket}`,
      `${time} +a +published +offer  message ${id}  to user:alice$`,
      `${time} +b +delivered +offer  message ${id}  ${socket}`,
    ]) {
      expect(lines).toMatch(new RegExp(line, 'm'));
    }
    for (const secret of ['text-that', token, apiKey]) expect(lines).not.toContain(secret);
    const { status } = await post(a.operationsUrl, 'traces', { userId: 'alice' });
    expect(status).toBe(202);
  });

  it('prints JSON of one pod', async () => {
    const { operationsUrl, connect } = await startApp({ TRACE: 'on', POD_NAME: 'a' });
    const args = ['--user', 'alice', '--url', operationsUrl, '--json', '--pod'];
    const [own, other] = [start([...args, 'a']), start([...args, 'b'])];
    await until('it follows', () => own.output().includes('"following"'));
    await until('the other one has begun', () => other.output().includes('Following'));
    await connected(connect('alice'));
    await until('it is shown', () => own.output().includes('"connected"'));
    for (const { child, exited } of [own, other]) {
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
    }
    const events = own
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    expect(events.map((event) => JSON.parse(event).type)).toContain('connected');
    expect(other.output()).not.toContain('{');
  });

  it('works with a process in development as it is', async () => {
    const development = ['sh', '-c', 'exec "$@" --development', 'sh'];
    const service = await startProcess({}, development);
    await untilReady(service.operationsUrl);
    const trace = start(['--user', 'alice', '--url', service.operationsUrl]);
    await until('it follows', () => trace.output().includes('following'));
  });

  it('goes on when the replica behind its URL is replaced, and says so', async () => {
    const { url } = await startRedis();
    const env = { REDIS_URL: url, TRACE: 'on' };
    const first = await startProcess(env);
    await untilReady(first.operationsUrl);
    const trace = start(['--user', 'alice', '--url', first.operationsUrl]);
    await until('it follows', () => trace.output().includes('following'));
    first.child.kill('SIGTERM');
    expect(await first.exited).toEqual([0, null]);
    await until('it is shown', () => trace.output().includes('; trying again'));
    const { port } = new URL(first.operationsUrl);
    const second = await startProcess({ ...env, OPERATIONS_PORT: port });
    await untilReady(second.operationsUrl);
    await connected(second.connect('alice'));
    await until('it has the event', () => /connected .*session/.test(trace.output()));
  });

  it('tells a slow reader how many events it has lost', async () => {
    const { url, command } = await startRedis();
    const operationsUrls = [];
    for (const POD_NAME of ['a', 'b', 'c']) {
      const { operationsUrl, connect } = await startApp({ REDIS_URL: url, POD_NAME, TRACE: 'on' });
      await untilReady(operationsUrl);
      await connected(connect('alice'));
      operationsUrls.push(operationsUrl);
    }
    const [operationsUrl = ''] = operationsUrls;
    const trace = start(['--user', 'alice', '--url', operationsUrl]);
    await until('it follows', () => trace.output().match(/following/g)?.length === 3);
    trace.child.kill('SIGSTOP');
    const [id] = (await command('HKEYS', 'mooring:{stores}:traces')) as unknown as string[];
    const offer = () => post(operationsUrl, 'publish', { users: ['alice'], event: 'x', data: 1 });
    const passedOn = async () => {
      const offers = await Promise.all(Array.from({ length: 50 }, offer));
      expect(new Set(offers.map(({ status }) => status))).toEqual(new Set([202]));
      return Number(await command('HGET', `mooring:{stores}:trace:${id}`, 'events'));
    };
    const lossy = traceLimits.eventsMax + 100;
    await until('more events occur than are kept', async () => (await passedOn()) > lossy, 25_000);
    trace.child.kill('SIGCONT');
    await until('it is shown', () => /^\d+ events were lost/m.test(trace.output()));
  });
});

describe('an error', () => {
  it('names the variable when tracing is off', async () => {
    const { operationsUrl } = await startApp();
    const { status, output } = await run(['--user', 'alice', '--url', operationsUrl]);
    expect(output).toContain('set TRACE=on for the service, on every replica');
    expect(status).toBe(1);
  });

  it('says that the API key is wrong, without it', async () => {
    const { operationsUrl } = await startApp({ TRACE: 'on' });
    const env = { API_KEY: 'key-of-a-stranger' };
    const { status, output } = await run(['--user', 'alice', '--url', operationsUrl], env);
    expect(output).toBe(`${operationsUrl} rejected the API key; use the API_KEY of the service\n`);
    expect(status).toBe(1);
  });

  it('says that the service has no API key', async () => {
    const { operationsUrl } = await startApp({ API_KEY: '', TRACE: 'on' });
    const { status, output } = await run(['--user', 'alice', '--url', operationsUrl]);
    expect(output).toBe(`${operationsUrl} has no API key: set API_KEY for the service\n`);
    expect(status).toBe(1);
  });

  it('says that there are too many traces', async () => {
    const { operationsUrl } = await startApp({ TRACE: 'on' });
    for (let i = 0; i < 5; i += 1) await post(operationsUrl, 'traces', { userId: 'bob' });
    const { status, output } = await run(['--user', 'alice', '--url', operationsUrl]);
    expect(output).toContain('Too many traces are running');
    expect(status).toBe(1);
  });

  it('says that the URL is of something else', async () => {
    const { url } = await startApp({ TRACE: 'on' });
    const { status, output } = await run(['--user', 'alice', '--url', url]);
    expect(output).toContain('is it the operations port of Mooring?');
    expect(status).toBe(1);
  });

  it('says that nothing listens', async () => {
    const host = `127.0.0.1:${await freePort()}`;
    const { status, output } = await run(['--user', 'alice', '--url', `http://${host}`]);
    expect(output).toBe(`Nothing is listening at ${host}\n`);
    expect(status).toBe(1);
  });

  it.each([
    [[], 'trace needs --user USER'],
    [['--user', 'a\nb'], '--user must be 1-255 printable'],
    [['--user', 'alice', '--url', 'localhost:3001'], 'must be an http:// or https:// URL'],
    [['--user', 'alice', '--api-key-file', '/nowhere'], '--api-key-file cannot be read'],
    [['--user', 'alice', '--unknown'], "Unknown option '--unknown'"],
  ])('says what is wrong with %j', (args, sentence) => {
    expect(() => parseTrace(args, { API_KEY: apiKey })).toThrow(sentence);
  });

  it('has the exit status 2 when there is no API key', async () => {
    const { status, output } = await run(['--user', 'alice'], {});
    expect(output).toBe('trace needs the API key: set API_KEY or --api-key-file FILE\n');
    expect(status).toBe(2);
  });
});

describe('the lines', () => {
  const at = Date.UTC(2026, 0, 1, 14, 5);
  const event = (more: Partial<TrailEvent>): TrailEvent => ({
    at,
    pod: 'a',
    type: 'delivered',
    ...more,
  });

  it('are in the order of their time, a publish before its delivery', () => {
    const order = createOrder();
    const [late, soon] = [event({ at: at + 5 }), event({ at: at + 1 })];
    const publish = event({ at: at + 1, type: 'published' });
    order.add([late, soon]);
    order.add([publish]);
    expect(order.take(at + 2)).toEqual([]); // something earlier may be on its way
    expect(order.take(at + 602)).toEqual([publish, soon]);
    expect(order.take()).toEqual([late]);
  });

  it.each([
    [
      { type: 'recovery', result: 'expired', replayed: 0 },
      'recovery      expired  after no message',
    ],
    [{ type: 'left', room: 'room:lobby' }, 'left          room:lobby'],
    [
      { type: 'published', event: 'x', rooms: ['a', 'b'], targets: 12, except: 1 },
      'published     x  to a, b and 10 more, except 1',
    ],
    [{ type: 'published', event: 'x', rooms: [], volatile: true }, 'x  volatile  to everybody'],
    [{ type: 'limited', limit: 'events_per_second', omitted: 9 }, '9 events left out (events_'],
    [{ type: 'connected', namespace: '/admin', transport: 'polling' }, 'new session  /admin'],
  ] as [Partial<TrailEvent>, string][])('of %j say %s', (more, words) => {
    const line = createLines()(event(more));
    expect(line).toMatch(/^14:05:00\.000Z {2}a /);
    expect(line).toContain(words);
  });
});
