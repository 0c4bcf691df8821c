// What `make up` starts and `make down` stops, and what neither touches.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readSettings } from '../../ingress/nginx/fleet/settings.ts';
import { startFleet } from '../../ingress/nginx/fleet/start.ts';
import { stopFleet } from '../../ingress/nginx/fleet/stop.ts';
import { awaitEnd, isRunning, launch, listRunning } from '../../tools/processes.ts';
import { freePorts } from '../harness/scratch-fleet.ts';

function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-processes-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function launchSleeper(
  stateFolder: string,
  name: string,
  script = 'setInterval(() => {}, 9e5)',
) {
  const command = { name, program: process.execPath, args: ['-e', script], folder: '/', env: {} };
  const launched = await launch(stateFolder, command);
  onTestFinished(() => {
    if (isRunning(launched)) process.kill(launched.pid, 'SIGKILL');
  });
  return launched;
}

test('a pid that has become another process is left alone', async () => {
  const stateFolder = scratchFolder();
  const launched = await launchSleeper(stateFolder, 'mooring-1');
  const file = join(stateFolder, 'pids', 'mooring-1.json');
  const written = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...written, startedAt: '1' }));

  expect(listRunning(stateFolder)).toEqual([]);
  expect(await stopFleet(stateFolder)).toEqual([]);
  expect(isRunning(launched)).toBe(true);
});

test('what was started is stopped, and nothing is left to stop again', async () => {
  const stateFolder = scratchFolder();
  const launched = await launchSleeper(stateFolder, 'mooring-1');
  expect(await stopFleet(stateFolder)).toMatchObject([{ name: 'mooring-1', pid: launched.pid }]);
  expect(await launched.exited).toBe('SIGTERM');
  expect(await stopFleet(stateFolder)).toEqual([]);
});

test('a process that does not end is killed', async () => {
  const launched = await launchSleeper(scratchFolder(), 'deaf');
  process.kill(launched.pid, 'SIGSTOP');
  await awaitEnd(launched, 100);
  expect(await launched.exited).toBe('SIGKILL');
});

test('a second start says that one is running', async () => {
  const stateFolder = scratchFolder();
  await launchSleeper(stateFolder, 'mooring-1');
  const { ports } = readSettings({}, []);
  await expect(startFleet({ stateFolder, ports })).rejects.toThrow(/already running.*make down/);
});

test('a port in use is named with the variable that changes it', async () => {
  const ports = await freePorts();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(ports.redis, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const start = startFleet({ stateFolder: scratchFolder(), ports });
  await expect(start).rejects.toThrow(`Port ${ports.redis} (redis) is in use`);
  await expect(start).rejects.toThrow('FLEET_REDIS_PORT=');
});

test('a replica that cannot start fails with its log, and nothing is left running', async () => {
  const stateFolder = scratchFolder();
  const environment = { WORKERS: 'many' };
  const start = startFleet({ stateFolder, ports: await freePorts(), environment });
  await expect(start).rejects.toThrow(/mooring-\d exited \(code 1\).*WORKERS must be/s);
  expect(listRunning(stateFolder)).toEqual([]);
});

test('ports and options come from the environment', () => {
  const settings = readSettings({ FLEET_PORT: '9000', WORKERS: '2', FLEET_DETACH: '1' }, []);
  expect(settings).toMatchObject({ ports: { proxy: 9000 }, environment: { WORKERS: '2' } });
  expect(settings.detach).toBe(true);
  expect(() => readSettings({ FLEET_PORT: 'no' }, [])).toThrow('FLEET_PORT must be a port');
});
