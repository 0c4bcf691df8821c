// `mooring check` through real proxies: a correct one, and the usual mistakes.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCheck } from '../../service/cli/check/check.ts';
import { parseCheck } from '../../service/cli/check/options.ts';
import { startNginx, upgradable, upstream } from '../harness/nginx.ts';
import { surroundings } from '../harness/processes.ts';
import { startRedis } from '../harness/redis.ts';
import { startScratchFleet } from '../harness/scratch-fleet.ts';
import { secret, startApp, untilReady } from '../harness/service.ts';

const check = async (...args: string[]) => {
  const options = parseCheck(['--times', '6', ...args], () => ({ secret, algorithm: 'HS256' }));
  const report = await runCheck(options);
  const entries = report.results.map(({ name, state, finding }) => [name, finding ?? state]);
  return { ...report, states: Object.fromEntries(entries) };
};

async function replicas(count: number, env: Record<string, string> = {}) {
  const names = Array.from({ length: count }, (_, i) => `pod-${i}`);
  const apps = await Promise.all(names.map((name) => startApp({ POD_NAME: name, ...env })));
  return { apps, urls: apps.map(({ url }) => url) };
}

async function joinedReplicas(count: number) {
  const { url } = await startRedis();
  const joined = await replicas(count, { REDIS_URL: url });
  await Promise.all(joined.apps.map(({ operationsUrl }) => untilReady(operationsUrl)));
  return joined;
}

it('finds nothing wrong with three replicas behind ip_hash', async () => {
  const fleet = await startScratchFleet();
  onTestFinished(() => fleet.close());
  const seconds = fleet.replicas.flatMap(({ address }) => ['--second', address]);
  const args = ['service/main.ts', 'check', fleet.address, '--quick', '--json', '--pods', '2'];
  const env = { ...surroundings(), JWT_SECRET: fleet.jwtSecret };
  const { stdout } = await promisify(execFile)(process.execPath, [...args, ...seconds], { env });
  const { ok, pods, results } = JSON.parse(stdout);
  expect([ok, pods.length]).toEqual([true, 2]);
  const detail = (name: string) => results.find((r: { name: string }) => r.name === name)?.detail;
  for (const name of ['websocket', 'upgrade', 'polling']) expect(detail(name)).toMatch(/^20 of 20/);
  expect(detail('message')).toMatch(/^both directions between mooring-\d and mooring-\d/);
  expect(detail('affinity')).toContain('without a cookie');
});

it('sends the headers that a proxy requires, with every transport', async () => {
  const { urls } = await replicas(1);
  const url = await startNginx(`
    ${upstream('pods', urls)}
    server {
      listen PORT;
      if ($http_x_pass != "yes") { return 403; }
      location / { ${upgradable} proxy_pass http://pods; }
    }`);
  const header = ['--header', 'X-Pass: yes'];
  const { ok, states } = await check(url, '--quick', ...header);
  expect([ok, states]).toEqual([true, expect.objectContaining({ polling: 'holds' })]);
  expect((await check(url, '--quick')).states.handshake).toBe('forbidden');
});

/** Affinity by cookie, with what nginx had before it had `sticky cookie`. */
const byCookie = (urls: string[], attributes: string) => `
  ${urls.map((url, i) => upstream(`pod-${i}`, [url])).join('\n')}
  split_clients $request_id $fresh { 50% pod-0; * pod-1; }
  map $cookie_mooring $pod { default $fresh; "~^pod-[01]$" $cookie_mooring; }
  server {
    listen PORT;
    location / {
      ${upgradable}
      proxy_pass http://$pod;
      add_header Set-Cookie "mooring=$pod; ${attributes}";
    }
  }`;

it('reads an affinity cookie and follows it, and meets every pod without one', async () => {
  const { apps, urls } = await joinedReplicas(2);
  for (const { app } of apps) Reflect.set(app.io.engine.opts, 'pingInterval', 300);
  const url = await startNginx(byCookie(urls, 'Path=/; HttpOnly; Max-Age=600; SameSite=Lax'));
  const report = await check(url, '--pods', '2');
  const other = report.results.filter(({ state }) => state !== 'holds');
  expect(other.map(({ name }) => name)).toEqual(['cross-origin']);
  expect(report.pods).toEqual(['pod-0', 'pod-1']);
  expect(report.results).toContainEqual({
    name: 'cookie',
    state: 'holds',
    detail: 'mooring (Path=/, Max-Age=600, SameSite=Lax, HttpOnly)',
  });
  const affinity = report.results.find(({ name }) => name === 'affinity');
  expect(affinity?.detail).toMatch(/^5 of 5 reached pod-[01], by cookie mooring$/);
});

it('finds round robin by the sessions it breaks, while WebSockets work', async () => {
  const { urls } = await joinedReplicas(3);
  const url = await startNginx(`${upstream('pods', urls)}
    server { listen PORT; location / { ${upgradable} proxy_pass http://pods; } }`);
  const { ok, states } = await check(url, '--quick');
  expect(ok).toBe(false);
  expect(states).toMatchObject({
    polling: 'no_affinity',
    upgrade: 'no_affinity',
    websocket: 'holds',
    message: 'holds',
    recovery: 'holds',
  });
  const webSocketsOnly = await check(url, '--quick', '--websocket-only');
  expect(webSocketsOnly.ok).toBe(true);
});

it('finds replicas that do not share a Redis', async () => {
  const { urls } = await replicas(2);
  const { states } = await check(urls[0] as string, '--quick', '--second', urls[1] as string);
  expect(states).toMatchObject({ polling: 'holds', message: 'message_lost' });
});

it('finds a proxy that drops the headers of the upgrade', async () => {
  const { urls } = await replicas(1);
  const url = await startNginx(`server { listen PORT; location / { proxy_pass ${urls[0]}; } }`);
  const { ok, states } = await check(url, '--quick');
  expect(ok).toBe(false);
  expect(states).toMatchObject({
    polling: 'holds',
    upgrade: 'upgrade_dropped',
    websocket: 'upgrade_dropped',
    message: 'skipped',
    recovery: 'skipped',
    refusal: 'holds',
  });
});

it('finds a read timeout that is shorter than the ping interval', async () => {
  const { urls } = await replicas(1);
  const url = await startNginx(`server { listen PORT; location / {
    ${upgradable} proxy_read_timeout 1s; proxy_pass ${urls[0]}; } }`);
  const { states, results } = await check(url);
  expect(states).toMatchObject({
    polling: 'holds',
    websocket: 'holds',
    'idle websocket': 'idle_cut',
    'idle polling': 'idle_cut',
  });
  const idle = results.find(({ name }) => name === 'idle websocket');
  expect(idle?.detail).toMatch(/^closed after \d+\.\d s/);
});

it('finds a proxy that changes the host, which keeps pages out', async () => {
  const { urls } = await replicas(1);
  const proxy = (more: string) => `server { listen PORT; location / {
    proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade; ${more} proxy_pass ${urls[0]}; } }`;
  const changed = await check(await startNginx(proxy('')), '--quick');
  expect(changed.ok).toBe(false);
  expect(changed.states).toMatchObject({ websocket: 'holds', page: 'host_changed' });
  const kept = await check(await startNginx(proxy('proxy_set_header Host $http_host;')), '--quick');
  expect([kept.ok, kept.states.page]).toEqual([true, 'holds']);
});

describe('for a page on another origin, it', () => {
  const page = 'https://app.example.com';
  const through = async (more: string, CORS_ORIGINS = page) => {
    const { urls } = await replicas(1, { CORS_ORIGINS });
    const url = await startNginx(`server { listen PORT; location / {
      ${upgradable} ${more} proxy_pass ${urls[0]}; } }`);
    return (await check(url, '--quick', '--origin', page)).states['cross-origin'];
  };

  it.each([
    ['holds', ''],
    ['cors_twice', `add_header Access-Control-Allow-Origin ${page};`],
    [
      'cors_wildcard',
      'proxy_hide_header Access-Control-Allow-Origin; add_header Access-Control-Allow-Origin *;',
    ],
    ['cors_missing', 'proxy_hide_header Access-Control-Allow-Credentials;'],
    ['preflight_refused', 'if ($request_method = OPTIONS) { return 405; }'],
    ['cookie_same_site', 'add_header Set-Cookie "m=1; Path=/; SameSite=Lax";'],
  ])('finds %s behind "%s"', async (finding, more) => {
    expect(await through(more)).toBe(finding);
  });

  it('finds that the service does not allow it', async () => {
    expect(await through('', 'https://other.example.com')).toBe('origin_refused');
  });
});

it('distinguishes no pod, no rule and a refusal by the proxy', async () => {
  const url = await startNginx(`server { listen PORT;
    location /gone { proxy_pass http://127.0.0.1:1; }
    location /closed { return 403; }
    location /moved { return 308 https://example.com/; }
    location /busy { return 503; }
    location / { return 404; } }`);
  const first = async (path: string) => (await check(url + path)).results[0]?.finding;
  expect(await first('/gone')).toBe('no_upstream');
  expect(await first('/closed')).toBe('forbidden');
  expect(await first('/moved')).toBe('redirected');
  expect(await first('/busy')).toBe('unavailable');
  expect(await first('/else')).toBe('not_found');
});
