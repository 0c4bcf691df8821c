// nginx.conf with loopback addresses instead of those of compose.yaml; nothing else changes.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../../../tools/problem.ts';
import type { Command } from '../../../tools/processes.ts';

const source = join(import.meta.dirname, '../nginx.conf');
const stepsMax = 9; // one `@ask` location per replica; nginx allows ten

export interface Addresses {
  /** The port of nginx. */
  proxy: number;
  /** The ports of the replicas that accept clients. */
  serving: number[];
  /** The ports of replicas that only keep their connections until they exit. */
  leaving?: number[];
}

const fileOf = (stateFolder: string) => join(stateFolder, 'nginx', 'nginx.conf');
// Without -e nginx first opens its compiled-in log file, which may belong to root.
const argsOf = (stateFolder: string) => {
  const folder = join(stateFolder, 'nginx');
  return ['-p', folder, '-e', 'stderr', '-c', fileOf(stateFolder)];
};

export function proxyCommand(stateFolder: string, program: string, addresses: Addresses): Command {
  const folder = join(stateFolder, 'nginx');
  mkdirSync(folder, { recursive: true });
  writeProxy(stateFolder, addresses);
  return { name: 'nginx', program, args: argsOf(stateFolder), folder, env: {} };
}

export function writeProxy(stateFolder: string, addresses: Addresses): void {
  writeFileSync(fileOf(stateFolder), withLoopback(readFileSync(source, 'utf8'), addresses));
}

/** @throws Problem with nginx's error message */
export function checkProxy(stateFolder: string, program: string): void {
  // nginx opens its log on standard output, which fails if that is a socket.
  const stdio = ['ignore', 'ignore', 'pipe'] as const;
  const { status, stderr } = spawnSync(program, ['-t', ...argsOf(stateFolder)], {
    stdio: [...stdio],
  });
  if (status !== 0) throw new Problem(`nginx rejects its configuration:\n${stderr}`);
}

/** @throws if an expected address is missing, instead of replacing only some of them */
export function withLoopback(configuration: string, addresses: Addresses): string {
  const { proxy, serving, leaving = [] } = addresses;
  const asked = [...leaving, ...serving];
  if (asked.length > stepsMax)
    throw new Problem(`nginx can look for a session on ${stepsMax} replicas at most`);
  for (const found of ['listen 8080;', 'server mooring-1:3000 ', '//mooring-1:3000;']) {
    if (!configuration.includes(found)) throw new Error(`"${found}" is not in nginx.conf`);
  }
  const lines = configuration.split('\n').flatMap((line) => {
    if (/mooring-[23]:3000/.test(line)) return []; // the line of mooring-1 is the template
    if (!line.includes('mooring-1:3000')) {
      const health = `"ok ${serving.join(' ')}\\n"`; // tells when a reload is complete
      return [line.replace('listen 8080;', listen(proxy)).replace('"ok\\n"', health)];
    }
    if (!line.includes('@ask-')) return serving.map((port) => withPort(line, port));
    return asked.map((port, index) => askLine(withPort(line, port), index + 1, asked.length));
  });
  return lines.join('\n');
}

const listen = (port: number) => `listen 127.0.0.1:${port};`;
const withPort = (line: string, port: number) =>
  line.replace('mooring-1:3000', `127.0.0.1:${port}`);

/** The answer of the last replica is final. */
function askLine(line: string, number: number, count: number): string {
  const next = number < count ? `error_page 400 502 = @ask-${number + 1}; ` : '';
  return line.replace('@ask-1', `@ask-${number}`).replace(/error_page 400 502 = @ask-2; /, next);
}
