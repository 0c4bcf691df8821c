// The lines that the presets give to either HAProxy, in a real one: Debian's package haproxy.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort, startApp, tokenFor, until } from '../harness/service.ts';
import { only, render, scenario } from './render.ts';

const PATH = `${process.env.PATH}:/usr/sbin`;
const isThere = spawnSync('haproxy', ['-v'], { env: { PATH } }).status === 0;
const { annotations } = only(render(scenario('haproxytech')), 'Service', 'mooring').metadata;
const lines: string = annotations['haproxy.org/backend-config-snippet'];

/** What the controllers write around those lines. */
async function startHaproxy(urls: string[]): Promise<string> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'mooring-haproxy-'));
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(
    file,
    `defaults
  mode http
  timeout connect 2s
  timeout client 50s
  timeout server 50s
  timeout tunnel 1h
frontend clients
  bind 127.0.0.1:${port}
  default_backend pods
backend pods
  balance roundrobin
  dynamic-cookie-key mooring
  cookie mooring-pod insert indirect nocache dynamic httponly
${lines.replace(/^/gm, '  ')}
${urls.map((url, i) => `  server pod-${i} ${new URL(url).host}`).join('\n')}
`,
  );
  const child = spawn('haproxy', ['-f', file], { env: { PATH }, stdio: 'ignore' });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true });
  });
  const url = `http://127.0.0.1:${port}`;
  await until('HAProxy answers', () => fetch(url).then(Boolean, () => false));
  return url;
}

async function cookieOf(url: string, pod: string): Promise<string> {
  for (;;) {
    const { headers } = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
    const [cookie = ''] = headers.get('set-cookie')?.split(';') ?? [];
    if ((await welcome(url, cookie, 'polling')) === pod) return cookie;
  }
}

/** The pod that welcomes a client which comes with this cookie. */
async function welcome(url: string, cookie: string, transport: 'polling' | 'websocket') {
  const socket = io(url, {
    transports: [transport],
    forceNew: true,
    reconnection: false,
    auth: { token: tokenFor({ sub: 'alice' }) },
    extraHeaders: { cookie },
  });
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once('welcome', ({ pod }) => resolve(pod));
      socket.once('connect_error', reject);
    });
  } finally {
    socket.disconnect();
  }
}

describe.runIf(isThere)('HAProxy', () => {
  it('takes a client of a draining pod to another one, and the client sees no error', async () => {
    const apps = await Promise.all(['a', 'b'].map((name) => startApp({ POD_NAME: name })));
    const url = await startHaproxy(apps.map((one) => one.url));
    const cookie = await cookieOf(url, 'a');
    const drained = apps[0]?.app.drain();
    for (const transport of ['polling', 'websocket'] as const) {
      // A session that begins with polling goes on with the cookie that comes with its answer.
      const answer = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, {
        headers: { cookie },
      });
      expect(answer.status).toBe(200);
      const [moved = ''] = answer.headers.get('set-cookie')?.split(';') ?? [];
      expect(moved).not.toBe(cookie);
      expect(await welcome(url, transport === 'polling' ? moved : cookie, transport)).toBe('b');
    }
    await drained;
  });
});
