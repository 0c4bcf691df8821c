// Programs of this machine: found, or installed with apt-get when this process is root's.
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Problem } from './problem.ts';

// Debian keeps nginx where only root's PATH looks.
const furtherFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];
const packages = {
  git: { debian: 'git', brew: 'git' },
  'redis-server': { debian: 'redis-server', brew: 'redis' },
  'redis-cli': { debian: 'redis-tools', brew: 'redis' },
  openssl: { debian: 'openssl', brew: 'openssl' },
  cc: { debian: 'gcc libc6-dev', brew: 'gcc' },
  nginx: { debian: 'nginx-light', brew: 'nginx' },
  chromium: { debian: 'chromium', brew: 'chromium' },
  prometheus: { debian: 'prometheus', brew: 'prometheus' },
  promtool: { debian: 'prometheus', brew: 'prometheus' },
} as const;
export type Program = keyof typeof packages;
export const fleetPrograms = ['redis-server', 'nginx'] as const;

const isOfFleet = (program: Program) => (fleetPrograms as readonly Program[]).includes(program);

export function missingPrograms(programs: readonly Program[]): Program[] {
  return programs.filter((program) => !findProgram(program));
}

/**
 * Where they are. As root on Debian the missing ones are installed, after a question if there is a
 * terminal; everyone else sees the command.
 * @param unattended never asks
 */
export async function requirePrograms<P extends Program>(
  programs: readonly P[],
  unattended: boolean,
): Promise<Record<P, string>> {
  const missing = missingPrograms(programs);
  if (missing.length > 0 && (await mayInstall(missing, unattended))) install(missing);
  const found = programs.map((program) => [program, findProgram(program)] as const);
  if (found.some(([, path]) => !path)) throw new Problem(howToInstall(missingPrograms(programs)));
  return Object.fromEntries(found) as Record<P, string>;
}

function findProgram(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).concat(furtherFolders);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

async function mayInstall(missing: Program[], unattended: boolean): Promise<boolean> {
  if (process.getuid?.() !== 0 || !isExecutable('/usr/bin/apt-get')) return false;
  if (unattended || !process.stdin.isTTY) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const question = `Missing: ${missing.join(', ')}. Install with apt-get now? [y/N] `;
  const answer = await terminal.question(question);
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
}

function install(missing: Program[]) {
  const names = missing.flatMap((program) => packages[program].debian.split(' '));
  // Runlevel 1 keeps Debian from starting the packages' own services on their usual ports.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const install = ['install', '-y', '--no-install-recommends', ...new Set(names)];
  for (const args of [['update'], install]) {
    const { status } = spawnSync('/usr/bin/apt-get', args, { env, stdio: 'inherit' });
    if (status !== 0) throw new Problem(`apt-get ${args.join(' ')} failed; see above.`);
  }
}

function howToInstall(missing: Program[]): string {
  const named = (system: 'debian' | 'brew') =>
    [...new Set(missing.map((program) => packages[program][system]))].join(' ');
  return [
    `Missing: ${missing.join(', ')}. Install and try again:`,
    `  Debian, Ubuntu  sudo apt-get update && sudo apt-get install -y ${named('debian')}`,
    `  macOS           brew install ${named('brew')}`,
    ...(missing.every(isOfFleet) ? ['Or start Docker: `make up` then runs in containers.'] : []),
  ].join('\n');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
