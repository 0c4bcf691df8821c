// The whole fleet: Redis, three replicas, nginx in front. The tests and load tests start it too.
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { answersOk, createMember, type Member } from './member.ts';
import { requireFreePorts } from './ports.ts';
import { Problem } from './problem.ts';
import { listRunning, removePidFiles } from './processes.ts';
import { fleetPrograms, requirePrograms } from './programs.ts';
import { proxyCommand } from './proxy.ts';
import { redisAnswers, redisCommand } from './redis.ts';
import { makeToken, replicaCommand, type Secrets } from './replica.ts';
import type { FleetOptions } from './settings.ts';
import { stopFleet } from './stop.ts';

export interface Replica extends Member {
  /** Past nginx, straight to this replica. */
  readonly address: string;
  /** Probes, metrics and the back-end API of this replica. */
  readonly operations: string;
}

export interface Fleet extends Secrets {
  /** Where clients connect: nginx. */
  readonly address: string;
  readonly redis: Member;
  readonly replicas: [Replica, Replica, Replica];
  readonly proxy: Member;
  token(user: string, role?: string): Promise<string>;
  stop(): Promise<void>;
}

interface StartOptions extends FleetOptions {
  unattended?: boolean;
  /** Gives up, and undoes what was begun. */
  aborted?: AbortSignal;
}

/** Resolves when all of it is ready; leaves nothing behind when that fails. */
export async function startFleet(options: StartOptions): Promise<Fleet> {
  const { stateFolder, aborted } = options;
  if (listRunning(stateFolder).length > 0) {
    throw new Problem(`It is already running (${stateFolder}); \`make down\` stops it.`);
  }
  const programs = await requirePrograms(fleetPrograms, options.unattended ?? false);
  await requireFreePorts(options.ports);
  rmSync(join(stateFolder, 'logs'), { recursive: true, force: true });
  removePidFiles(stateFolder); // Of processes that are gone: a reboot, say.
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });

  const fleet = describeFleet(options, programs);
  try {
    await fleet.redis.start(aborted);
    await Promise.all(fleet.replicas.map((replica) => replica.start(aborted)));
    await fleet.proxy.start(aborted);
    return fleet;
  } catch (problem) {
    await fleet.stop();
    throw problem;
  }
}

type FleetPrograms = Record<(typeof fleetPrograms)[number], string>;

function describeFleet(options: FleetOptions, programs: FleetPrograms): Fleet {
  const { stateFolder, ports } = options;
  const address = `http://127.0.0.1:${ports.proxy}`;
  const secrets = {
    jwtSecret: randomBytes(32).toString('base64url'),
    apiKey: randomBytes(24).toString('base64url'),
  };
  const replica = (index: 0 | 1 | 2): Replica => {
    const operations = `http://127.0.0.1:${ports.operations[index]}`;
    const command = replicaCommand(options, index, secrets);
    const member = createMember(stateFolder, command, () => answersOk(`${operations}/readyz`));
    const addresses = { address: `http://127.0.0.1:${ports.replicas[index]}`, operations };
    return Object.assign(member, addresses);
  };
  return {
    ...secrets,
    address,
    redis: createMember(
      stateFolder,
      redisCommand(stateFolder, programs['redis-server'], ports.redis),
      () => redisAnswers(ports.redis),
    ),
    replicas: [replica(0), replica(1), replica(2)],
    proxy: createMember(stateFolder, proxyCommand(stateFolder, programs.nginx, ports), () =>
      answersOk(`${address}/nginx-health`),
    ),
    token: (user, role) => makeToken(secrets.jwtSecret, user, role),
    stop: async () => {
      await stopFleet(stateFolder);
    },
  };
}
