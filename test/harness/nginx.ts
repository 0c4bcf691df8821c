// A real nginx for a test, with the project's configuration or one of the test's own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { requirePrograms } from '../../tools/programs.ts';
import { collect } from './processes.ts';
import { freePort, until } from './service.ts';

/** @param http what stands in the http block; `PORT` in it is where nginx shall listen */
export async function startNginx(http: string): Promise<string> {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const configure = (port: number) =>
    [
      'daemon off; pid nginx.pid; error_log stderr crit; worker_processes 1;',
      'events { worker_connections 512; }',
      `http { access_log off; ${temporary.map((name) => `${name}_temp_path ${name};`).join(' ')}`,
      http.replaceAll('PORT', `127.0.0.1:${port}`),
      '}',
    ].join('\n');
  return (await runNginx(configure)).url;
}

/** @param configure returns the whole configuration; nginx shall listen on the port */
export async function runNginx(configure: (port: number) => string) {
  const { nginx } = await requirePrograms(['nginx'], false);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'mooring-nginx-'));
  writeFileSync(join(folder, 'nginx.conf'), configure(port));
  const args = ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')];
  const child = spawn(nginx, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = collect(child);
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}`;
  const answers = () => fetch(url).then(Boolean, () => false);
  await until('nginx answers', async () => {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${output()}`);
    return answers();
  });
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return { url, /** The error log. */ output, /** A file that nginx writes. */ read };
}

/** The servers behind one name, in turn. */
export const upstream = (name: string, urls: string[], more = '') =>
  `upstream ${name} { ${more} ${urls.map((url) => `server ${new URL(url).host};`).join(' ')} }`;

/** What every server block that passes WebSockets on has. */
export const upgradable =
  'proxy_http_version 1.1; proxy_set_header Host $http_host; ' +
  'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;';
