// A replica of the service as a local process, and the tokens that replicas accept.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Command } from './processes.ts';
import { drainEnvironment, type FleetOptions, projectFolder } from './settings.ts';

const main = 'service/main.ts';
const tokenSeconds = 86_400;

/** What all replicas share and nobody else may know; made anew at each `up`. */
export interface Secrets {
  jwtSecret: string;
  apiKey: string;
}

export function replicaCommand(options: FleetOptions, index: 0 | 1 | 2, secrets: Secrets): Command {
  const name = `mooring-${index + 1}`;
  const { ports, environment } = options;
  const env = {
    ...surroundings(),
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: String(ports.replicas[index]),
    OPERATIONS_PORT: String(ports.operations[index]),
    POD_NAME: name,
    REDIS_URL: `redis://127.0.0.1:${ports.redis}`,
    JWT_SECRET: secrets.jwtSecret,
    API_KEY: secrets.apiKey,
    PAGE: 'on',
    ...drainEnvironment,
    ...environment,
  };
  return { name, program: process.execPath, args: [main], folder: projectFolder, env };
}

/** A token that is good for a day, made by the service's own command. */
export async function makeToken(jwtSecret: string, user: string, role = 'user'): Promise<string> {
  const args = [main, 'token', '--sub', user, '--role', role, '--ttl', String(tokenSeconds)];
  const env = { ...surroundings(), JWT_SECRET: jwtSecret };
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: projectFolder, env });
  return stdout.trim();
}

/** The caller's environment without what it may hold for another Mooring. */
function surroundings(): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env;
  return { PATH, HOME };
}
