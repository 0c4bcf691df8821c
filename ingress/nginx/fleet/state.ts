// What runs, for `make roll` in another terminal to go on from. Secrets are files of their own, for
// whoever needs one (the load client, say), and nobody else's to read.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../../../tools/problem.ts';
import type { Ports } from './settings.ts';

/** What all replicas share and nobody else may know; made anew at each `up`. */
export interface Secrets {
  jwtSecret: string;
  apiKey: string;
}

/** A replica: its name is never used again, its ports are. */
export interface Placement {
  /** 1, 2, 3 ... since `make up`. */
  number: number;
  /** Which of the ports. */
  slot: number;
  release: string;
}

export interface FleetState {
  ports: Ports;
  /** More variables of the replicas. */
  environment: Record<string, string>;
  /** In the order in which nginx has them. */
  serving: Placement[];
  /** Those that a roll is about to end. */
  leaving: Placement[];
  /** The highest number that was given. */
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

/** @throws Problem when nothing was started from here */
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
    throw new Problem(`Nothing of \`make up\` is running here (${folder}).`);
  }
}

export function removeState(folder: string): void {
  rmSync(stateFile(folder), { force: true });
  for (const name of secretNames) rmSync(join(folder, secretFiles[name]), { force: true });
}
