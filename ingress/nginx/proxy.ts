// nginx.conf with loopback addresses in place of the compose file's; all else stays as it is.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from './processes.ts';
import type { Ports } from './settings.ts';

const source = join(import.meta.dirname, 'nginx.conf');

export function proxyCommand(stateFolder: string, program: string, ports: Ports): Command {
  const folder = join(stateFolder, 'nginx');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'nginx.conf'), withLoopback(readFileSync(source, 'utf8'), ports));
  // Without -e nginx first tries the log file it was built with, which is often root's.
  const args = ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')];
  return { name: 'nginx', program, args, folder, env: {} };
}

/** @throws when an address is not in the file, rather than start with half of them replaced */
export function withLoopback(configuration: string, ports: Ports): string {
  const addresses: [string, number][] = [['listen 8080;', ports.proxy]];
  ports.replicas.forEach((port, index) => {
    addresses.push([`server mooring-${index + 1}:3000 `, port]);
  });
  return addresses.reduce((text, [found, port]) => {
    if (!text.includes(found)) throw new Error(`"${found}" is not in nginx.conf`);
    const [directive = ''] = found.split(' ');
    return text.replaceAll(found, `${directive} 127.0.0.1:${port}${found.at(-1)}`);
  }, configuration);
}
