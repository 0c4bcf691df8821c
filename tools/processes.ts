// Processes that outlive the terminal, each with a pid file that identifies exactly that process.
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

/** The content of a pid file. A pid alone may belong to another process by now. */
export interface Running {
  name: string;
  pid: number;
  startedAt: string;
}

export interface Launched extends Running {
  /** Resolves to how it exited, while the process that launched it lives. */
  exited: Promise<string>;
}

const pollMs = 50;

export const logFile = (stateFolder: string, name: string) =>
  join(stateFolder, 'logs', `${name}.log`);
const pidFolder = (stateFolder: string) => join(stateFolder, 'pids');
const pidFile = (stateFolder: string, name: string) => join(pidFolder(stateFolder), `${name}.json`);

/** Starts a process in its own group (Ctrl-C does not reach it), with its output in a log file. */
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

/** The processes of the pid files that are still running. */
export function listRunning(stateFolder: string): Running[] {
  let names: string[] = [];
  try {
    names = readdirSync(pidFolder(stateFolder));
  } catch {
    return []; // nothing was ever started
  }
  return names
    .map((name) => JSON.parse(readFileSync(join(pidFolder(stateFolder), name), 'utf8')) as Running)
    .filter(isRunning);
}

export function isRunning(running: Running): boolean {
  return identityOf(running.pid) === running.startedAt;
}

/** Sends a signal, unless the pid belongs to another process by now. */
export function signal(running: Running, name: NodeJS.Signals): void {
  if (isRunning(running)) process.kill(running.pid, name);
}

/** Waits for the exit; after the deadline the process and its workers are killed. */
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

/** The start time of a process; undefined if it does not exist or is a zombie. */
function identityOf(pid: number): string | undefined {
  if (!existsSync('/proc/self/stat')) return identityByPs(pid);
  try {
    // The name is in parentheses and may contain spaces, so count fields from the last one.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ');
    return fields?.[0] === 'Z' ? undefined : fields?.[19];
  } catch {
    return undefined;
  }
}

/** The same without /proc, as on macOS. */
function identityByPs(pid: number): string | undefined {
  const { stdout } = spawnSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)]);
  const [state, ...started] = stdout.toString().trim().split(/\s+/);
  return !state || state.startsWith('Z') ? undefined : started.join(' ');
}
