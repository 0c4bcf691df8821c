// A replica of the service as a local process, and the tokens that replicas accept.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Command } from '../../../tools/processes.ts';
import { answersOk, createMember, type Member } from './member.ts';
import { drainEnvironment, type FleetOptions, projectFolder } from './settings.ts';
import type { Placement, Secrets } from './state.ts';

const main = 'service/main.ts';
const tokenSeconds = 86_400;

export interface Replica extends Member {
  /** Direct URL of this replica, bypassing nginx. */
  readonly address: string;
  /** URL of its operations port. */
  readonly operations: string;
}

export const replicaName = ({ number }: Placement) => `mooring-${number}`;

export function createReplica(
  options: FleetOptions,
  placement: Placement,
  secrets: Secrets,
): Replica {
  const port = options.ports.replicas[placement.slot];
  const operations = `http://127.0.0.1:${options.ports.operations[placement.slot]}`;
  const command = replicaCommand(options, placement, secrets);
  const isReady = () => answersOk(`${operations}/readyz`);
  const member = createMember(options.stateFolder, command, isReady);
  return Object.assign(member, { address: `http://127.0.0.1:${port}`, operations });
}

function replicaCommand(options: FleetOptions, placement: Placement, secrets: Secrets): Command {
  const name = replicaName(placement);
  const { ports, environment } = options;
  const env = {
    ...surroundings(),
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: String(ports.replicas[placement.slot]),
    OPERATIONS_PORT: String(ports.operations[placement.slot]),
    POD_NAME: name,
    RELEASE: placement.release,
    REDIS_URL: `redis://127.0.0.1:${ports.redis}`,
    JWT_SECRET: secrets.jwtSecret,
    API_KEY: secrets.apiKey,
    PAGE: 'on',
    ...drainEnvironment,
    ...environment,
  };
  return { name, program: process.execPath, args: [main], folder: projectFolder, env };
}

/** A token that is valid for a day, from the service's own `token` command. */
export async function makeToken(jwtSecret: string, user: string, role = 'user'): Promise<string> {
  const args = [main, 'token', '--sub', user, '--role', role, '--ttl', String(tokenSeconds)];
  const env = { ...surroundings(), JWT_SECRET: jwtSecret };
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: projectFolder, env });
  return stdout.trim();
}

/** The caller's environment without variables that may configure another Mooring. */
function surroundings(): Record<string, string> {
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE = '' } = process.env;
  return { PATH, HOME, NODE_COMPILE_CACHE };
}
