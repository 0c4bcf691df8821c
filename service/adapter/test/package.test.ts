// Packs the package, installs it into an empty project, and runs the servers of the README.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { connect } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { sendTo } from '../../../test/harness/moving.ts';
import { startRedis } from '../../../test/harness/redis.ts';
import { connected, freePort, next, until } from '../../../test/harness/service.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'mooring-adapter-'));
const tsc = resolve('node_modules/.bin/tsc');
let tarball: string;

beforeAll(async () => {
  const pack = ['pack', '--json', '--silent', '--pack-destination', folder];
  const { stdout } = await run('npm', pack, { cwd: 'service/adapter' });
  const [{ filename }] = JSON.parse(stdout);
  tarball = join(folder, filename);
});
afterAll(() => rm(folder, { recursive: true }));

/** The code blocks of a language. */
function examplesIn(language: string): string[] {
  const readme = readFileSync('service/adapter/README.md', 'utf8');
  const blocks = readme.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'));
  return [...blocks].map(([, code = '']) => code);
}

/** A project with the README's servers, and only the packages that its first line installs. */
async function createProject(redis: string): Promise<string> {
  const project = join(folder, redis);
  mkdirSync(project);
  const write = (name: string, text: string) => writeFileSync(join(project, name), text);
  write('package.json', '{ "private": true, "type": "module" }');
  const [esm = ''] = examplesIn('js');
  const [commonJs = ''] = examplesIn('cjs');
  const [typeScript = '', production = ''] = examplesIn('ts');
  write('server.js', esm);
  write('server.cjs', commonJs);
  write('server.ts', typeScript);
  write('production.ts', production);
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    module: 'nodenext',
    types: ['node'],
    noEmit: true,
  };
  write('tsconfig.json', JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  write('clients.ts', clientsToCheck);
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--silent'];
  await run('npm', [...install, tarball, 'socket.io', redis], { cwd: project });
  return project;
}

const clientsToCheck = `
import { createAdapter } from 'mooring-adapter';
import { createClient, createCluster, createSentinel } from 'redis';
createAdapter(createClient());
createAdapter(await createClient().on('error', console.error).connect());
createAdapter(createClient({ RESP: 2 }));
createAdapter(createClient({ RESP: 3 }));
createAdapter(createCluster({ rootNodes: [] }));
createAdapter(createSentinel({ name: 'main', sentinelRootNodes: [] }));
createAdapter({ name: 'main', sentinelRootNodes: [] });
// @ts-expect-error
createAdapter('redis://localhost');
// @ts-expect-error
createAdapter(createClient(), createClient());
`;

/** One process of the README's server; a client may connect before it is ready. */
async function startServer(project: string, file: string, redisUrl: string) {
  const port = await freePort();
  const env = { PATH: process.env.PATH, REDIS_URL: redisUrl, PORT: String(port) };
  const child = spawn(process.execPath, [file], { cwd: project, env });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = outputOf(child);
  return { child, output, url: `http://127.0.0.1:${port}` };
}

function outputOf(child: ChildProcess): () => string {
  let text = '';
  const collect = (data: Buffer) => {
    text += data;
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  return () => text;
}

describe.each(['redis@5', 'redis@6'])('the package, installed beside %s,', (redis) => {
  let project: string;
  beforeAll(async () => {
    project = await createProject(redis);
  });

  it('has types that a strict project checks', async () => {
    const checked = await run(tsc, ['--project', '.'], { cwd: project }).catch((error) => error);
    expect(checked.stdout).toBe('');
  });

  it('recovers a client on processes in ESM, CommonJS and TypeScript', async () => {
    const { url, command } = await startRedis();
    const start = (file: string) => startServer(project, file, url);
    const files = ['server.js', 'server.cjs', 'server.ts'];
    const [first, second, third] = (await Promise.all(files.map(start))) as [
      Server,
      Server,
      Server,
    ];
    const options = { reconnectionDelay: 100, reconnectionDelayMax: 100 };
    const client = connect(first.url, { ...options, transports: ['websocket'] });
    const publisher = connect(third.url, { ...options, forceNew: true });
    onTestFinished(() => void [client, publisher].map((socket) => socket.disconnect()));
    await Promise.all([connected(client), connected(publisher)]);
    const listeners = async () => {
      const answer = await command('PUBSUB', 'NUMSUB', 'socket.io:/:room:news');
      return (answer as unknown as [string, number])[1];
    };
    await until('both processes listen to the room', async () => (await listeners()) === 2);
    const seen: string[] = [];
    client.on('news', (text: string) => seen.push(text));
    publisher.emit('publish', '1');
    await until('it arrives', () => seen.length === 1);

    for (const [from, to, texts] of [
      [first, second, ['2', '3']],
      [second, third, ['4', '5']],
    ] as const) {
      const missed = next(publisher, 'news');
      const gone = next(client, 'disconnect');
      sendTo(client, 'http://127.0.0.1:1'); // unreachable until all is published
      from.child.kill('SIGKILL');
      await gone;
      for (const text of texts) publisher.emit('publish', text);
      await missed;
      const back = next(client, 'connect');
      sendTo(client, to.url);
      await back;
      expect(client.recovered).toBe(true);
      await until('what it missed arrives', () => seen.length === Number(texts[1]));
    }
    expect(seen).toEqual(['1', '2', '3', '4', '5']);
    for (const { output } of [first, second, third]) expect(output()).toBe('');
  });
});

type Server = Awaited<ReturnType<typeof startServer>>;
