// The state of the running fleet, for `make roll` in another terminal. Each secret is a file of its
// own with mode 0600, which the load client, for example, reads.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../../../tools/problem.ts';
import type { Ports } from './settings.ts';

/** Secrets that all replicas share; `up` generates new ones. */
export interface Secrets {
  jwtSecret: string;
  apiKey: string;
}

/** A replica. Its ports are reused later, its name is not. */
export interface Placement {
  /** 1, 2, 3 ... since `make up`. */
  number: number;
  /** Index of its ports. */
  slot: number;
  release: string;
}

export interface FleetState {
  ports: Ports;
  /** Environment of the replicas. */
  environment: Record<string, string>;
  /** In nginx's order. */
  serving: Placement[];
  /** Replicas that a rollout is about to stop. */
  leaving: Placement[];
  /** The highest number so far. */
  lastNumber: number;
}

const stateFile = (folder: string) => join(folder, 'fleet.json');
const secretFiles = { jwtSecret: 'jwt-secret', apiKey: 'api-key' } as const;
const secretNames = Object.keys(secretFiles) as (keyof Secrets)[];

export function writeState(folder: string, state: FleetState): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(stateFile(folder), `${JSON.stringify(state, null, 2)}\n`);
}

export function writeSecrets(folder: string, secrets: Secrets): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const name of secretNames) {
    writeFileSync(join(folder, secretFiles[name]), secrets[name], { mode: 0o600 });
  }
}

/** @throws Problem if no fleet is running */
export function readState(folder: string): FleetState & Secrets {
  try {
    const secrets = secretNames.map((name) => [
      name,
      readFileSync(join(folder, secretFiles[name]), 'utf8'),
    ]);
    return {
      ...JSON.parse(readFileSync(stateFile(folder), 'utf8')),
      ...Object.fromEntries(secrets),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Problem(`No fleet is running (${folder}); start one with \`make up\`.`);
  }
}

export function removeState(folder: string): void {
  rmSync(stateFile(folder), { force: true });
  for (const name of secretNames) rmSync(join(folder, secretFiles[name]), { force: true });
}
