// nginx.conf with loopback addresses in place of the compose file's; all else stays as it is.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Problem } from '../../../tools/problem.ts';
import type { Command } from '../../../tools/processes.ts';

const source = join(import.meta.dirname, '../nginx.conf');
const stepsMax = 9; // an `@ask` each, of the ten that nginx takes

export interface Addresses {
  /** The port of nginx. */
  proxy: number;
  /** The ports of the replicas that take clients. */
  serving: number[];
  /** Of those that keep what they have, until they end. */
  leaving?: number[];
}

const fileOf = (stateFolder: string) => join(stateFolder, 'nginx', 'nginx.conf');
// Without -e nginx first tries the log file it was built with, which is often root's.
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

/** @throws Problem with what nginx says of its configuration */
export function checkProxy(stateFolder: string, program: string): void {
  // nginx opens its log, standard output, and cannot where that is a socket.
  const stdio = ['ignore', 'ignore', 'pipe'] as const;
  const { status, stderr } = spawnSync(program, ['-t', ...argsOf(stateFolder)], {
    stdio: [...stdio],
  });
  if (status !== 0) throw new Problem(`nginx does not take its configuration:\n${stderr}`);
}

/** @throws when an address is not in the file, rather than start with half of them replaced */
export function withLoopback(configuration: string, addresses: Addresses): string {
  const { proxy, serving, leaving = [] } = addresses;
  const asked = [...leaving, ...serving];
  if (asked.length > stepsMax)
    throw new Problem(`nginx looks through ${stepsMax} replicas at most`);
  for (const found of ['listen 8080;', 'server mooring-1:3000 ', '//mooring-1:3000;']) {
    if (!configuration.includes(found)) throw new Error(`"${found}" is not in nginx.conf`);
  }
  const lines = configuration.split('\n').flatMap((line) => {
    if (/mooring-[23]:3000/.test(line)) return []; // the first line is the pattern for all
    if (!line.includes('mooring-1:3000')) {
      const health = `"ok ${serving.join(' ')}\\n"`; // a reload is over when this is the answer
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

/** The last one's answer is the client's, whatever it is. */
function askLine(line: string, number: number, count: number): string {
  const next = number < count ? `error_page 400 502 = @ask-${number + 1}; ` : '';
  return line.replace('@ask-1', `@ask-${number}`).replace(/error_page 400 502 = @ask-2; /, next);
}
