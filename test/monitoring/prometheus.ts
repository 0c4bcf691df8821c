// A real Prometheus of the test's own, that loads the rules and scrapes what it is given.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { freePort, until } from '../harness/processes.ts';

/** @param targets addresses of operations ports, as host and port */
export async function startPrometheus(targets: string[], name = 'prometheus') {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-prometheus-'));
  const port = await freePort();
  const labels = { namespace: 'chat' };
  const settings = {
    global: { scrape_interval: '1s', scrape_timeout: '500ms', evaluation_interval: '1s' },
    rule_files: [resolve('charts/mooring/rules/mooring.yaml')],
    scrape_configs: [{ job_name: 'mooring', static_configs: [{ targets, labels }] }],
  };
  writeFileSync(join(folder, 'prometheus.yml'), stringify(settings));
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child: ChildProcess = spawn(name, args, { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const answers = () =>
    fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until('Prometheus answers', answers, 20_000);
  return {
    url,
    async stop() {
      child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
