// Starts the whole fleet: Redis, three replicas and nginx. Tests and load tests use it too.
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../../../tools/problem.ts';
import { listRunning, removePidFiles } from '../../../tools/processes.ts';
import { fleetPrograms, requirePrograms } from '../../../tools/programs.ts';
import { answersOk, createMember, type Member } from './member.ts';
import { requireFreePorts } from './ports.ts';
import { proxyCommand } from './proxy.ts';
import { redisAnswers, redisCommand } from './redis.ts';
import { createReplica, makeToken, type Replica } from './replica.ts';
import type { FleetOptions } from './settings.ts';
import { type Placement, type Secrets, writeSecrets, writeState } from './state.ts';
import { stopFleet } from './stop.ts';

export interface Fleet extends Secrets {
  /** The URL of nginx, for clients. */
  readonly address: string;
  readonly redis: Member;
  /** The initial replicas; a rollout replaces them. */
  readonly replicas: [Replica, Replica, Replica];
  readonly proxy: Member;
  token(user: string, role?: string): Promise<string>;
  stop(): Promise<void>;
}

interface StartOptions extends FleetOptions {
  unattended?: boolean;
  /** Aborts and stops what was started. */
  aborted?: AbortSignal;
}

/** Resolves when everything is ready; after a failure nothing is left running. */
export async function startFleet(options: StartOptions): Promise<Fleet> {
  const { stateFolder, aborted } = options;
  if (listRunning(stateFolder).length > 0) {
    throw new Problem(`The fleet is already running (${stateFolder}); stop it with \`make down\`.`);
  }
  const programs = await requirePrograms(fleetPrograms, options.unattended ?? false);
  await requireFreePorts(options.ports);
  rmSync(join(stateFolder, 'logs'), { recursive: true, force: true });
  removePidFiles(stateFolder); // stale, for example after a reboot
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
  const { stateFolder, ports, environment = {} } = options;
  const address = `http://127.0.0.1:${ports.proxy}`;
  const secrets = {
    jwtSecret: randomBytes(32).toString('base64url'),
    apiKey: randomBytes(24).toString('base64url'),
  };
  const release = newRelease();
  const place = (slot: 0 | 1 | 2): Placement => ({ number: slot + 1, slot, release });
  const serving = [place(0), place(1), place(2)] as const;
  writeSecrets(stateFolder, secrets);
  const lastNumber = serving.length;
  writeState(stateFolder, { ports, environment, serving: [...serving], leaving: [], lastNumber });

  const replica = (placement: Placement) => createReplica(options, placement, secrets);
  const addresses = { proxy: ports.proxy, serving: ports.replicas.slice(0, serving.length) };
  return {
    ...secrets,
    address,
    redis: createMember(
      stateFolder,
      redisCommand(stateFolder, programs['redis-server'], ports.redis),
      () => redisAnswers(ports.redis),
    ),
    replicas: [replica(serving[0]), replica(serving[1]), replica(serving[2])],
    proxy: createMember(stateFolder, proxyCommand(stateFolder, programs.nginx, addresses), () =>
      answersOk(`${address}/nginx-health`),
    ),
    token: (user, role) => makeToken(secrets.jwtSecret, user, role),
    stop: async () => {
      await stopFleet(stateFolder);
    },
  };
}

/** Always a new one: Redis remembers the order of releases. */
export const newRelease = (): string => randomBytes(3).toString('hex');
