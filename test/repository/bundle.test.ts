// What the image runs: the service and its packages as a few files.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../harness/redis.ts';
import { connected, type Env, next, startProcess, untilReady } from '../harness/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'mooring-bundle-'));
const build = (to: string) => void execFileSync(process.execPath, ['tools/bundle.ts', to]);
const filesOf = (from: string) =>
  globSync('**', { cwd: from }).filter((path) => statSync(join(from, path)).isFile());
beforeAll(() => build(folder));
afterAll(() => rmSync(folder, { recursive: true }));

const start = async (env: Env) => {
  const service = await startProcess(env, [], folder);
  await untilReady(service.operationsUrl);
  return service;
};

/** What a program in the folder of an application prints as JSON. */
const run = (cwd: string, script: string) => {
  const node = ['--input-type=module', '--eval', script];
  return JSON.parse(execFileSync(process.execPath, node, { cwd, encoding: 'utf8' }));
};

describe('the bundle', () => {
  it('serves clients with two workers, Redis and the page', async () => {
    const { url } = await startRedis();
    const service = await start({ REDIS_URL: url, WORKERS: '2', PAGE: 'on' });
    const clients = [service.connect('alice'), service.connect('bob')];
    for (const client of clients) {
      await connected(client);
      expect(await client.emitWithAck('join_room', 'lobby')).toMatchObject({
        ok: true,
      });
    }
    const heard = clients.map((client) => next(client, 'new_message'));
    await clients[0]?.emitWithAck('send_message', { roomId: 'lobby', text: 'hi' });
    for (const [message] of await Promise.all(heard)) expect(message).toMatchObject({ text: 'hi' });
    for (const file of ['page.css', 'socket.io/socket.io.esm.min.js', 'socket.io/socket.io.js']) {
      const answer = await fetch(`${service.url}/${file}`);
      expect([file, answer.status, (await answer.text()).length > 1_000]).toEqual([
        file,
        200,
        true,
      ]);
    }
  });

  it('runs an application that imports packages and modules of the service', async () => {
    cpSync('examples/counter.ts', join(folder, 'application/counter.ts'));
    const service = await start({ APPLICATION: 'application/counter.ts' });
    const alice = await connected(service.connect('alice'));
    expect(await alice.emitWithAck('count', { by: 2 })).toEqual({ ok: true, count: 2 });
    expect(await alice.emitWithAck('count', { by: 'two' })).toMatchObject({
      error: { code: 'invalid_payload' },
    });
  });

  it('has every package with the names that it exports', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
    const script = `
      import { createRequire } from 'node:module';
      const require = createRequire(process.cwd() + '/');
      const exported = {};
      for (const name of ${JSON.stringify(Object.keys(dependencies))}) {
        const imported = await import(name);
        const names = Object.keys(imported).filter((key) => /^[a-z$]\\w*$/i.test(key));
        exported[name] = [names, typeof require(name), typeof imported.default];
      }
      console.log(JSON.stringify(exported));`;
    expect(run(folder, script)).toEqual(run(process.cwd(), script));
  });

  it('has the adapter as a package', () => {
    const script = `console.log(JSON.stringify(Object.keys(await import('mooring-adapter'))))`;
    expect(run(folder, script)).toContain('createAdapter');
  });

  it('names functions and files in stack traces', async () => {
    const failing = join(folder, 'failing.mjs');
    writeFileSync(failing, 'export default () => { throw new Error("on purpose"); };');
    const service = await startProcess({ APPLICATION: 'failing.mjs' }, [], folder);
    await service.exited;
    expect(service.output()).toMatch(
      /on purpose\n.*failing\.mjs:1.*\n.* createApp \(file.*\/service\.js:\d+/,
    );
  });

  it('has the license of every package that it contains', () => {
    const names = globSync('licenses/{*,@*/*}/LICENSE*', { cwd: folder });
    expect(names.length).toBeGreaterThan(40);
    for (const name of ['zod', 'socket.io', 'engine.io', 'ws'])
      expect(names.join(' ')).toContain(`licenses/${name}/`);
  });

  it('starts from less than 3 MB in ten files', () => {
    const files = globSync('service/*.js', { cwd: folder });
    const bytes = files.map((file) => statSync(join(folder, file)).size);
    expect(files.length).toBeLessThanOrEqual(10);
    expect(bytes.reduce((sum, size) => sum + size)).toBeLessThan(3_000_000);
  });

  it('is the same each time, byte for byte', () => {
    const other = `${folder}-again`;
    build(other);
    onTestFinished(() => rmSync(other, { recursive: true }));
    for (const file of filesOf(other))
      expect(readFileSync(join(other, file)).equals(readFileSync(join(folder, file))), file).toBe(
        true,
      );
  });

  it('is less than 6 MB in the image', () => {
    const files = filesOf(folder);
    const bytes = files.map((file) => statSync(join(folder, file)).size);
    expect(bytes.reduce((sum, size) => sum + size)).toBeLessThan(6_000_000);
  });
});
