// nginx.conf on a real nginx: what it logs of a session, and what it lets one address do.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { withLoopback } from '../../ingress/nginx/fleet/proxy.ts';
import { projectFolder } from '../../ingress/nginx/fleet/settings.ts';
import { listen } from '../../service/api/router.ts';
import { runNginx } from '../harness/nginx.ts';
import { freePort, startApp, until } from '../harness/service.ts';

const source = readFileSync(join(projectFolder, 'ingress/nginx/nginx.conf'), 'utf8')
  .replace('access_log /dev/stdout', 'access_log access.log') // stdout is a socket in tests
  .replace('worker_processes auto', 'worker_processes 1');

const inFrontOf = (serving: number[], configuration = source) =>
  runNginx((proxy) => withLoopback(configuration, { proxy, serving }));

const handshakePath = '/socket.io/?EIO=4&transport=polling';

/** The statuses of requests that a client address sends at once. */
const statuses = (url: string, address: string, count: number) =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const answer = await fetch(url, { headers: { 'X-Forwarded-For': address } });
      await answer.arrayBuffer();
      return answer.status;
    }),
  );

describe('the log of nginx', () => {
  it('says that replicas are down, and holds no sid', async () => {
    const nginx = await inFrontOf([await freePort(), await freePort()]);
    const sid = 'abcdefghijklmnopqrst';
    for (const path of [`${handshakePath}&sid=${sid}`, handshakePath]) {
      expect((await fetch(nginx.url + path)).status).toBe(502);
    }
    const logged = () => nginx.read('access.log');
    const failures = () => logged().match(/"GET \/socket.io\/" 502/g) ?? [];
    await until('both are logged', () => failures().length === 2);
    expect(nginx.output() + logged()).not.toContain(sid);
  });
});

describe('one address', () => {
  it('opens so many sessions per second, and others are not concerned', async () => {
    const { url } = await startApp();
    const nginx = await inFrontOf([Number(new URL(url).port)]);
    const answers = await statuses(nginx.url + handshakePath, '203.0.113.7', 800);
    const refused = answers.filter((status) => status === 429).length;
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThanOrEqual(300); // a busy machine may answer some others with 504
    const other = '203.0.113.8';
    expect(await statuses(nginx.url + handshakePath, other, 1)).toEqual([200]);
    expect(nginx.output()).not.toContain('limiting');
  });

  it('has no limit if it is private: all clients of a proxy would share it', async () => {
    const { url } = await startApp();
    const nginx = await inFrontOf([Number(new URL(url).port)]);
    expect(await statuses(nginx.url + handshakePath, '10.1.2.3', 800)).not.toContain(429);
  });

  it('has so many requests open at once, and others are not concerned', async () => {
    const waiting = new Set<() => void>();
    const server = createServer(({ url }, response) => {
      if (url?.includes('sid=')) waiting.add(() => response.end());
      else response.end();
    });
    const port = await listen(server, 0, '127.0.0.1');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const few = 'limit_conn connections_per_address 50;'; // not the thousand that a test would open
    const nginx = await inFrontOf([port], source.replace(/limit_conn connections\w+ 1000;/, few));
    const url = `${nginx.url}${handshakePath}&sid=any`;
    const open = statuses(url, '203.0.113.7', 50);
    await until('they all wait', () => waiting.size === 50);
    expect(await statuses(url, '203.0.113.7', 1)).toEqual([429]);
    const other = statuses(url, '203.0.113.8', 1);
    await until('the other one is let through', () => waiting.size === 51);
    for (const end of waiting) end();
    expect(new Set(await open)).toEqual(new Set([200]));
    expect(await other).toEqual([200]);
  });
});
