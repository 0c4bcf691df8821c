// The load client against real services: what it must detect, and what it must not invent.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from 'socket.io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listen } from '../../service/api/router.ts';
import { type LoadOptions, startLoad } from '../../service/cli/load/load.ts';
import { readCommandLine } from '../../service/cli/load/options.ts';
import { collect, secret, startApp, tokenFor, until } from '../harness/service.ts';

async function start(url: string, options: Partial<LoadOptions> = {}) {
  const small = { clients: 6, rooms: 2, rate: 50, transports: [['polling', 'websocket']] };
  const load = await startLoad({ url, tokenFor, connectsPerSecond: 500, ...small, ...options });
  onTestFinished(load.stop);
  return load;
}

/** Stock Socket.IO that takes the load client's events; it recovers nothing. */
async function startPlain(prepare: (io: Server) => void) {
  const http = createServer();
  const io = new Server(http);
  prepare(io);
  onTestFinished(() => void io.close());
  return { io, url: `http://127.0.0.1:${await listen(http, 0, '127.0.0.1')}` };
}

const acknowledged = (count: number, load: Awaited<ReturnType<typeof start>>) =>
  until('messages flow', () => load.records().every(({ numbers }) => numbers.length >= count));

describe('the load client', () => {
  it('reports nothing when nothing happens', async () => {
    const { url } = await startApp({ POD_NAME: 'mooring-1' });
    const load = await start(url, { transports: [['polling', 'websocket'], ['polling']] });
    load.mark();
    await acknowledged(20, load);
    const report = await load.report();
    expect(report).toMatchObject({
      clients: 6,
      notConnected: 0,
      reconnects: { 0: 6 },
      delivery: { lost: 0, duplicated: 0, reordered: 0 },
      publishing: { retries: 0 },
      connectErrors: {},
      httpErrors: {},
      spread: { pods: { 'mooring-1': 6 }, offPercent: 0 },
    });
    expect(report.delivery.expected).toBeGreaterThan(50);
  });

  it('reports each closed transport as one recovered reconnect without loss', async () => {
    const { app, url } = await startApp();
    const load = await start(url, { transports: [['websocket']] });
    load.mark();
    await acknowledged(5, load);
    const isLoad = (socket: { data: { user: { id: string } } }) =>
      /^load-\d$/.test(socket.data.user.id);
    const closedAt = performance.now();
    for (const socket of app.io.of('/').sockets.values()) if (isLoad(socket)) socket.conn.close();
    await until('all are back', () => load.records().every(({ returns }) => returns.length === 1));
    const passedMs = performance.now() - closedAt;
    const report = await load.report();
    expect(report).toMatchObject({
      reconnects: { 1: 6 },
      returns: 6,
      recovered: 6,
      notConnected: 0,
    });
    expect(report.delivery).toMatchObject({ lost: 0, duplicated: 0, reordered: 0 });
    expect(report.reconnectMs.p50).toBeGreaterThan(400); // stock clients wait 1 s ± 50 %
    expect(report.reconnectMs.max).toBeLessThanOrEqual(passedMs);
    expect(report.disconnects).toMatchObject({ reasons: { 'transport close': 6 } });
    load.mark();
    await acknowledged(5, load);
    expect(await load.report()).toMatchObject({ reconnects: { 0: 6 }, returns: 0 });
  });

  it('notices what a server loses, duplicates and reorders', async () => {
    const { url } = await startPlain((io) => {
      const waiting: object[] = [];
      io.on('connection', (socket) => {
        socket.emit('welcome', { pod: 'plain-1' });
        socket.on('join_room', async (room, answer) => {
          await socket.join(room);
          answer({ ok: true });
        });
        socket.on('send_message', (message, answer) => {
          const send = (sent: object) => io.to(message.roomId).emit('new_message', sent);
          const number = Number(message.text) % 10;
          if (number === 8) waiting.push(message);
          if (number !== 3 && number !== 8) send(message); // 3 is lost
          if (number === 5) send(message);
          if (number === 9) waiting.splice(0).forEach(send);
          answer({ ok: true });
        });
      });
    });
    const load = await start(url, { clients: 2, rooms: 1, transports: [['websocket']] });
    await acknowledged(30, load);
    const { delivery } = await load.report({ graceMs: 500 });
    const tens = Math.floor(delivery.expected / 2 / 10);
    for (const kind of ['lost', 'duplicated', 'reordered'] as const) {
      expect(delivery[kind], kind).toBeGreaterThanOrEqual(2 * tens);
      expect(delivery[kind], kind).toBeLessThanOrEqual(2 * (tens + 1));
    }
  });

  it('keeps cookies as a browser does, also those of a WebSocket answer', async () => {
    const cookies: (string | undefined)[] = [];
    const { io, url } = await startPlain((io) => {
      io.on('connection', (socket) => {
        socket.on('join_room', (_, answer) => answer({ ok: true }));
        socket.on('send_message', (_, answer) => answer({ ok: true }));
      });
      io.engine.on('headers', (headers: Record<string, string>) => {
        headers['set-cookie'] = 'home=a; Path=/; HttpOnly';
      });
      io.engine.on('connection', ({ request }: { request: { headers: { cookie?: string } } }) => {
        cookies.push(request.headers.cookie);
      });
    });
    await start(url, { clients: 2, rooms: 1, transports: [['websocket'], ['polling']] });
    for (const conn of Object.values(Reflect.get(io.engine, 'clients')) as { close(): void }[]) {
      conn.close();
    }
    await until('all are back', () => cookies.length === 6);
    expect(cookies).toEqual([...Array(3).fill(undefined), ...Array(3).fill('home=a')]);
  });

  it('does not start with a token that is refused', async () => {
    const { url } = await startApp();
    await expect(start(url, { tokenFor: () => 'none' })).rejects.toThrow('invalid_token');
  });
});

describe('the command line', () => {
  it('explains what is wrong', () => {
    const url = ['--url', 'http://127.0.0.1:1'];
    expect(() => readCommandLine([])).toThrow('--url');
    expect(() => readCommandLine(url)).toThrow('--secret-file or --token');
    const complete = [...url, '--token', 'x'];
    expect(() => readCommandLine([...complete, '--clients', 'no'])).toThrow('--clients');
    expect(() => readCommandLine([...complete, '--transports', 'smoke'])).toThrow('--transports');
    expect(() => readCommandLine([...complete, '--header', 'none'])).toThrow('--header');
    expect(() => readCommandLine([...complete, '--bogus'])).toThrow('--bogus');
    const headers = ['--header', 'Host: chat.local', '--transports', 'websocket'];
    expect(readCommandLine([...complete, ...headers])).toMatchObject({
      headers: { Host: 'chat.local' },
      transports: [['websocket']],
      clients: 300,
    });
  });

  it('restarts the measurement on SIGUSR1 and writes the report', async () => {
    const { url } = await startApp();
    const folder = mkdtempSync(join(tmpdir(), 'mooring-load-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [secretFile, json] = [join(folder, 'secret'), join(folder, 'out.json')];
    writeFileSync(secretFile, `${secret}\n`);
    const args = ['--url', url, '--secret-file', secretFile, '--clients', '4', '--rooms', '1'];
    const main = ['service/cli/load/main.ts', ...args, '--seconds', '0', '--json', json];
    const child = spawn(process.execPath, main, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = collect(child);
    onTestFinished(() => void child.kill('SIGKILL'));
    await until('it measures', () => output().includes('measuring'));
    child.kill('SIGUSR1');
    await until('it restarts', () => output().includes('restarted'));
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(output()).toMatch(/4 clients \| reconnects 0×: 4 \|/);
    expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({ clients: 4, notConnected: 0 });
  });
});
