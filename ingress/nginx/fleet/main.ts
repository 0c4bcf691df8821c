// `make up`, `make roll` and `make down`: nginx -> 3 replicas -> Redis on this machine, without
// leftovers.
import { join } from 'node:path';
import { Problem } from '../../../tools/problem.ts';
import { fleetPrograms, missingPrograms } from '../../../tools/programs.ts';
import { composeIsUp, dockerRuns, followCompose, startCompose, stopCompose } from './compose.ts';
import { followLogs } from './follow.ts';
import { makeToken } from './replica.ts';
import { rollFleet } from './roll.ts';
import { readSettings, type Settings } from './settings.ts';
import { type Fleet, newRelease, startFleet } from './start.ts';
import { stopFleet } from './stop.ts';
import { welcome } from './welcome.ts';

const usage = 'Usage: node ingress/nginx/fleet/main.ts up [--detach] | roll | down';

async function main([verb, ...flags]: string[]) {
  const settings = readSettings(process.env, flags);
  if (verb === 'down') return down(settings);
  if (verb === 'roll') return roll(settings);
  if (verb !== 'up') throw new Problem(usage);
  const stopped = stopSignal();
  try {
    const inContainers = missingPrograms(fleetPrograms).length > 0 && dockerRuns();
    await (inContainers ? upInContainers(settings, stopped) : up(settings, stopped));
  } catch (error) {
    if (stopped.aborted) return print('Stopped before it was ready.');
    throw error;
  }
}

async function up(settings: Settings, stopped: AbortSignal) {
  print('Starting Redis, three replicas and nginx ...');
  const fleet = await startFleet({ ...settings, aborted: stopped });
  try {
    await announce(settings, fleet);
    if (settings.detach) return;
    await follow(settings, fleet, stopped);
  } catch (error) {
    await fleet.stop();
    throw error;
  }
  if (stopped.aborted) print('\nStopping ...');
  await fleet.stop();
  print('Stopped.');
}

async function announce({ stateFolder }: Settings, fleet: Fleet) {
  const [{ operations }] = fleet.replicas;
  const kill = fleet.replicas.map(({ name, pid }) => `kill -9 ${pid}   # ${name}`);
  const logs = join(stateFolder, 'logs');
  print(welcome({ ...fleet, operations, tokens: await makeTokens(fleet.jwtSecret), kill, logs }));
}

async function follow({ stateFolder }: Settings, fleet: Fleet, stopped: AbortSignal) {
  const members = [...fleet.replicas, fleet.proxy, fleet.redis];
  for (const { name, exited } of members) {
    exited.then((how) => {
      if (stopped.aborted) return;
      const drained = how === 'code 0'; // as `make roll` does
      print(`${name} exited (${how})${drained ? '' : ' and will not be restarted'}.`);
    });
  }
  await followLogs(stateFolder, stopped, print);
}

async function upInContainers(settings: Settings, stopped: AbortSignal) {
  print('Redis or nginx is not installed: using Docker ...');
  const { ports, stateFolder, detach } = settings;
  const { jwtSecret, apiKey } = await startCompose(settings, stopped);
  try {
    const address = `http://127.0.0.1:${ports.proxy}`;
    const operations = `http://127.0.0.1:${ports.operations[0]}`;
    const kill = ['docker compose kill mooring-1', 'docker compose start mooring-1'];
    const tokens = await makeTokens(jwtSecret);
    print(welcome({ address, operations, apiKey, tokens, kill, logs: 'docker compose logs' }));
    if (detach) return;
    await followCompose(stopped);
  } catch (error) {
    await stopCompose(stateFolder);
    throw error;
  }
  if (composeIsUp(stateFolder)) await stopCompose(stateFolder);
  print('Stopped.');
}

async function roll({ stateFolder, environment }: Settings) {
  if (composeIsUp(stateFolder))
    throw new Problem('The fleet is running in containers; `make roll` works with processes only.');
  const startedAt = Date.now();
  const aborted = stopSignal();
  const changed = { stateFolder, environment, release: newRelease(), aborted, print };
  const { serving } = await rollFleet(changed);
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  print(`Rolled out release ${serving[0]?.release} in ${seconds} s.`);
}

async function down({ stateFolder }: Settings) {
  if (composeIsUp(stateFolder)) return stopCompose(stateFolder);
  const ended = await stopFleet(stateFolder);
  const names = ended.map(({ name }) => name).join(', ');
  print(ended.length > 0 ? `Stopped: ${names}.` : 'No fleet is running.');
}

async function makeTokens(jwtSecret: string): Promise<Record<string, string>> {
  const [alice, bob, admin] = await Promise.all([
    makeToken(jwtSecret, 'alice'),
    makeToken(jwtSecret, 'bob'),
    makeToken(jwtSecret, 'admin', 'admin'),
  ]);
  return { alice, bob, admin };
}

/** Aborts on Ctrl-C, a closed terminal or SIGTERM; a second signal does not interrupt the stop. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => controller.abort());
  }
  return controller.signal;
}

function print(text: string) {
  process.stdout.write(`${text}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
