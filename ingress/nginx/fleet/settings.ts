// The environment of `make up`, read once. Every port can be changed.
import { join } from 'node:path';
import { Problem } from '../../../tools/problem.ts';

export interface Ports {
  proxy: number;
  redis: number;
  /** Client ports of the replicas behind nginx. Half of them are for the next release. */
  replicas: number[];
  /** Each replica's operations port, in the same order. */
  operations: number[];
}

export interface FleetOptions {
  /** The fleet writes only to this folder. */
  stateFolder: string;
  ports: Ports;
  /** Environment of the replicas, e.g. WORKERS or LOG_LEVEL. */
  environment?: Record<string, string>;
}

export interface Settings extends Required<FleetOptions> {
  detach: boolean;
  /** Install missing programs without asking. */
  unattended: boolean;
}

export const projectFolder = join(import.meta.dirname, '../../..');

// Replicas on one machine drain quickly: no endpoint list has to propagate. nginx.conf avoids a
// refusing replica for longer than both together.
export const drainEnvironment = { ENDPOINT_DELAY_MS: '500', DRAIN_MS_MAX: '3000' };

const replicaPorts = 6;
const lastPort = 65_535 - replicaPorts + 1;

/** The variable for each port. */
export const portVariables = {
  proxy: 'FLEET_PORT',
  redis: 'FLEET_REDIS_PORT',
  replicas: 'FLEET_REPLICA_PORT',
  operations: 'FLEET_OPERATIONS_PORT',
} as const satisfies Record<keyof Ports, string>;

export function readSettings(env: Record<string, string | undefined>, flags: string[]): Settings {
  const passedOn = ['WORKERS', 'LOG_LEVEL'] as const;
  return {
    stateFolder: env.FLEET_STATE || join(projectFolder, '.mooring'),
    ports: {
      proxy: readPort(env, portVariables.proxy, 8080),
      redis: readPort(env, portVariables.redis, 6390),
      replicas: portsFrom(readPort(env, portVariables.replicas, 3100)),
      operations: portsFrom(readPort(env, portVariables.operations, 3200)),
    },
    environment: Object.fromEntries(
      passedOn.flatMap((name) => (env[name] ? [[name, env[name]]] : [])),
    ),
    detach: flags.includes('--detach') || isOn(env.FLEET_DETACH),
    unattended: isOn(env.CI),
  };
}

function readPort(env: Record<string, string | undefined>, name: string, fallback: number) {
  const port = Number(env[name] || fallback);
  if (Number.isInteger(port) && port >= 1 && port <= lastPort) return port;
  throw new Problem(`${name} must be a port from 1 to ${lastPort}, not "${env[name]}".`);
}

function portsFrom(first: number): number[] {
  return Array.from({ length: replicaPorts }, (_, index) => first + index);
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !['', '0', 'false'].includes(value);
}
