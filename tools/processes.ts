// Processes that outlive the terminal, each with a pid file that proves it is still that process.
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface Command {
  name: string;
  program: string;
  args: string[];
  folder: string;
  env: Record<string, string>;
}

/** What a pid file holds. A pid alone may belong to somebody else by the time we stop it. */
export interface Running {
  name: string;
  pid: number;
  startedAt: string;
}

export interface Launched extends Running {
  /** Resolves to how it ended, for as long as the process that launched it lives. */
  exited: Promise<string>;
}

const pollMs = 50;

export const logFile = (stateFolder: string, name: string) =>
  join(stateFolder, 'logs', `${name}.log`);
const pidFolder = (stateFolder: string) => join(stateFolder, 'pids');
const pidFile = (stateFolder: string, name: string) => join(pidFolder(stateFolder), `${name}.json`);

/** Starts a process in a group of its own (Ctrl-C does not reach it), its output in a log file. */
export async function launch(stateFolder: string, command: Command): Promise<Launched> {
  mkdirSync(pidFolder(stateFolder), { recursive: true });
  mkdirSync(join(stateFolder, 'logs'), { recursive: true });
  const log = openSync(logFile(stateFolder, command.name), 'a');
  const child = spawn(command.program, command.args, {
    cwd: command.folder,
    env: command.env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
  });
  const { pid } = child;
  if (pid === undefined) return new Promise((_, reject) => child.once('error', reject));
  child.unref();
  const running = { name: command.name, pid, startedAt: identityOf(pid) ?? 'exited' };
  writeFileSync(pidFile(stateFolder, command.name), `${JSON.stringify(running)}\n`);
  return { ...running, exited };
}

/** The processes of the pid files that are still themselves. */
export function listRunning(stateFolder: string): Running[] {
  let names: string[] = [];
  try {
    names = readdirSync(pidFolder(stateFolder));
  } catch {
    return []; // Nothing was ever started from here.
  }
  return names
    .map((name) => JSON.parse(readFileSync(join(pidFolder(stateFolder), name), 'utf8')) as Running)
    .filter(isRunning);
}

export function isRunning(running: Running): boolean {
  return identityOf(running.pid) === running.startedAt;
}

/** Sends a signal, unless the pid has become somebody else's. */
export function signal(running: Running, name: NodeJS.Signals): void {
  if (isRunning(running)) process.kill(running.pid, name);
}

/** Waits for the end; a process that overstays is killed together with its workers. */
export async function awaitEnd(running: Running, msMax: number): Promise<void> {
  const deadline = Date.now() + msMax;
  while (isRunning(running)) {
    if (Date.now() > deadline) process.kill(-running.pid, 'SIGKILL');
    await delay(pollMs);
  }
}

export function removePidFiles(stateFolder: string): void {
  rmSync(pidFolder(stateFolder), { recursive: true, force: true });
}

/** When the process began, as the system tells; undefined when there is none, or a dead one. */
function identityOf(pid: number): string | undefined {
  if (!existsSync('/proc/self/stat')) return identityByPs(pid);
  try {
    // The command's name is in brackets and may hold blanks: fields count from the last bracket.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ');
    return fields?.[0] === 'Z' ? undefined : fields?.[19];
  } catch {
    return undefined;
  }
}

/** The same where there is no /proc, as on macOS. */
function identityByPs(pid: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)]);
  const [state, ...started] = stdout.toString().trim().split(/\s+/);
  return !state || state.startsWith('Z') ? undefined : started.join(' ');
}
