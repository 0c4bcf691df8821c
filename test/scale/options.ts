// The size of a run, from the environment of `make scale`.
import { readFileSync } from 'node:fs';
import { Problem } from '../../tools/problem.ts';
import { faultNames } from './faults.ts';

export interface ScaleOptions {
  /** Raw clients, all on the first pod. */
  clients: number;
  /** Stock clients beside them. */
  witnesses: number;
  pods: number;
  /** Shared rooms that each client joins, beside the two of its own. */
  roomsPerClient: number;
  /** Members of each shared room. */
  membersPerRoom: number;
  /** Publishes per second, over all shared rooms. */
  rate: number;
  /** Seconds of publishing before and after each fault. */
  seconds: number;
  faults: string[];
  print(line: string): void;
}

const defaults = {
  CLIENTS: 10_000,
  WITNESSES: 20,
  PODS: 3,
  ROOMS: 10,
  MEMBERS: 10,
  RATE: 100,
  SECONDS: 10,
};

export function readOptions(env: Record<string, string | undefined>): Omit<ScaleOptions, 'print'> {
  const number = (name: keyof typeof defaults): number => {
    const value = Number(env[name] || defaults[name]);
    if (value >= 1) return value;
    throw new Problem(`${name} must be a number of at least 1, not "${env[name]}"`);
  };
  const asked = (env.FAULTS || faultNames.join(',')).split(',');
  const unknown = asked.filter((name) => !faultNames.includes(name));
  if (unknown.length > 0) {
    throw new Problem(`FAULTS can be ${faultNames.join(', ')}, not ${unknown.join(', ')}`);
  }
  return {
    clients: number('CLIENTS'),
    witnesses: number('WITNESSES'),
    pods: number('PODS'),
    roomsPerClient: number('ROOMS'),
    membersPerRoom: number('MEMBERS'),
    rate: number('RATE'),
    seconds: number('SECONDS'),
    faults: asked,
  };
}

const filesOfProcess = 500;
const localPorts = 28_000; // for connections to one address and port, by default on Linux

/**
 * Throws if the system does not allow so many connections. Node.js has already raised its soft
 * limit of open files to the hard one.
 */
export function requireFiles({ clients }: Pick<ScaleOptions, 'clients'>): void {
  const limit = openFilesMax();
  const needed = clients + filesOfProcess;
  if (needed > limit) {
    throw new Problem(
      `${clients} clients need ${needed} open files per process, and the limit is ${limit}: ` +
        `run \`ulimit -Hn ${needed}\` as root first, or set CLIENTS=${limit - filesOfProcess}`,
    );
  }
  if (clients > localPorts) {
    throw new Problem(
      `${clients} clients need more local ports than the ${localPorts} that connections to one ` +
        `port have: set CLIENTS=${localPorts} or less`,
    );
  }
}

function openFilesMax(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  } catch {
    return Infinity; // not Linux: the system says so itself
  }
}
