// Measures the table of docs/operations/rollouts.md on this machine: nginx, replicas, Redis and
// hundreds of clients, through rollouts, scaling and kills. `node bench/rollouts.ts [NAME]`
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { rollFleet } from '../ingress/nginx/fleet/roll.ts';
import { newRelease } from '../ingress/nginx/fleet/start.ts';
import { mintToken } from '../service/auth/tokens.ts';
import { type Load, type LoadReport, startLoad } from '../service/cli/load/load.ts';
import { row, tableHead } from '../service/cli/load/summary.ts';
import { type ScratchFleet, startScratchFleet } from '../test/harness/scratch-fleet.ts';

interface Scene {
  /** What happens during the measurement. */
  event(fleet: ScratchFleet): Promise<unknown>;
  /** Runs before clients connect. */
  before?(fleet: ScratchFleet): Promise<unknown>;
  environment?: Record<string, string>;
  transports?: string[];
  clients?: number;
  /** How long to measure after the event. */
  seconds?: number;
}

const roll = ({ stateFolder }: ScratchFleet, release = newRelease()) =>
  rollFleet({ stateFolder, release });
const scale = ({ stateFolder }: ScratchFleet, replicas: number) =>
  rollFleet({ stateFolder, replicas });
const killFirst = async ({ replicas: [first] }: ScratchFleet) => first.signal('SIGKILL');

async function rollBack(fleet: ScratchFleet) {
  const forth = roll(fleet);
  await sleep(9_000); // the old release is closing its connections by then
  await Promise.all([forth, roll(fleet)]);
}

async function restartRedis({ redis }: ScratchFleet) {
  redis.signal('SIGKILL');
  await redis.exited;
  await sleep(2_000);
  await redis.start();
}

const scenes: Record<string, Scene> = {
  'nothing, for 30 s': { event: () => sleep(30_000) },
  'roll, default transports': { event: roll },
  'roll, WebSocket only': { event: roll, transports: ['websocket'] },
  'roll, polling only': { event: roll, transports: ['polling'], clients: 60 },
  "roll, drained over the cluster's 12 s": { event: roll, environment: { DRAIN_MS_MAX: '12000' } },
  'rollback midway': { event: rollBack },
  'scale 2 to 4': {
    before: (fleet) => scale(fleet, 2),
    // Rebalancing moves only connections that are older than half a minute.
    event: async (fleet) => sleep(30_000).then(() => scale(fleet, 4)),
    seconds: 60,
  },
  'scale 3 to 2': { event: (fleet) => scale(fleet, 2), seconds: 5 },
  'SIGKILL of a replica': { event: killFirst, seconds: 15 },
  'SIGKILL of Redis, down for 2 s': { event: restartRedis, seconds: 15 },
};

async function measure(scene: Scene, clients: number): Promise<LoadReport> {
  const fleet = await startScratchFleet(scene.environment);
  let load: Load | undefined;
  try {
    await scene.before?.(fleet);
    load = await startLoad({
      url: fleet.address,
      clients: scene.clients ?? clients,
      rooms: 10,
      rate: 10,
      transports: [scene.transports ?? ['polling', 'websocket']],
      tokenFor: (user) => mintToken(fleet.jwtSecret, { sub: user }, 3_600),
      connectsPerSecond: 50,
      forwardedFor: true,
    });
    await sleep(3_000); // for the last upgrades to a WebSocket
    load.mark();
    await scene.event(fleet);
    await sleep((scene.seconds ?? 3) * 1_000);
    return await load.report();
  } finally {
    await load?.stop();
    await fleet.close();
  }
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { clients: { type: 'string', default: '300' }, json: { type: 'string' } },
});
const reports: Record<string, LoadReport> = {};
process.stdout.write(tableHead);
for (const [name, scene] of Object.entries(scenes)) {
  if (!name.includes(positionals.join(' '))) continue;
  const report = await measure(scene, Number(values.clients));
  reports[name] = report;
  process.stdout.write(row(name, report));
}
if (values.json) writeFileSync(values.json, JSON.stringify(reports, null, 1));
process.exit(0);
