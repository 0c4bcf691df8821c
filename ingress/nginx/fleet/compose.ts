// The same fleet in containers, for machines with Docker but without Redis and nginx.
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../../../tools/problem.ts';
import { projectFolder, type Settings } from './settings.ts';
import type { Secrets } from './state.ts';

// Marks that `up` used containers, so that `down` touches containers only then.
const marker = (stateFolder: string) => join(stateFolder, 'compose');
const compose = ['compose', '--file', join(projectFolder, 'compose.yaml')];

/** Whether the Docker daemon answers and Compose is installed. */
export function dockerRuns(): boolean {
  return [['info'], ['compose', 'version']].every(
    (args) => spawnSync('docker', args, { stdio: 'ignore', timeout: 10_000 }).status === 0,
  );
}

export const composeIsUp = (stateFolder: string) => existsSync(marker(stateFolder));

export async function startCompose(settings: Settings, aborted: AbortSignal): Promise<Secrets> {
  const { stateFolder, ports, environment } = settings;
  if (composeIsUp(stateFolder)) {
    throw new Problem('The fleet is already running in containers; stop it with `make down`.');
  }
  const secrets = {
    jwtSecret: randomBytes(32).toString('base64url'),
    apiKey: randomBytes(24).toString('base64url'),
  };
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  writeFileSync(marker(stateFolder), '');
  const variables = {
    JWT_SECRET: secrets.jwtSecret,
    API_KEY: secrets.apiKey,
    FLEET_PORT: String(ports.proxy),
    FLEET_OPERATIONS_PORT: String(ports.operations[0]),
    ...environment,
  };
  const up = ['up', '--detach', '--wait', '--remove-orphans'];
  const status = await docker(up, variables, aborted);
  if (status === 0) return secrets;
  await stopCompose(stateFolder);
  throw new Problem('`docker compose up` failed; see above.');
}

export async function followCompose(stopped: AbortSignal): Promise<void> {
  await docker(['logs', '--follow', '--since', '1s'], {}, stopped);
}

export async function stopCompose(stateFolder: string): Promise<void> {
  if ((await docker(['down', '--remove-orphans'])) === 0) rmSync(marker(stateFolder));
}

function docker(
  args: string[],
  variables: Record<string, string> = {},
  stopped?: AbortSignal,
): Promise<number | null> {
  // compose.yaml requires the secrets for every command.
  const env = { JWT_SECRET: '-', API_KEY: '-', ...process.env, ...variables };
  return new Promise((resolve, reject) => {
    // Its own process group: this process handles Ctrl-C and stops everything in order.
    const child = spawn('docker', [...compose, ...args], {
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const kill = () => child.kill();
    if (stopped?.aborted) kill();
    else stopped?.addEventListener('abort', kill);
    child.once('error', reject).once('exit', resolve);
  });
}
