// The chart under Helm 3, where HELM3 names one: go install helm.sh/helm/v3/cmd/helm@v3.20.0
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { findHelm } from '../../tools/helm.ts';
import {
  chart,
  get,
  imageValues,
  inside,
  install,
  note,
  openNamespace,
  ready,
  run,
  swift,
  timed,
} from './cluster.ts';

const helm3 = process.env.HELM3 ?? '';
if (!helm3) process.stdout.write('  · skipped: HELM3 names no Helm 3\n');

describe.runIf(helm3)('Helm 3', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;

  beforeAll(async () => {
    home = await openNamespace('helm3');
  });

  afterAll(() => home?.close());

  it('renders every scenario as Helm 4 does', async () => {
    const scenarios = readdirSync(`${chart}/ci`);
    for (const file of scenarios) {
      const args = ['template', 'mooring', chart, '--kube-version', '1.35.0'];
      const by = (helm: string) => run(helm, [...args, '-f', `${chart}/ci/${file}`]);
      expect(comparable(await by(helm3))).toEqual(comparable(await by(findHelm())));
    }
    note(`${scenarios.length} scenarios render the same under Helm 3 and 4`);
  });

  it('installs, and Helm 4 goes on from there', async () => {
    const { namespace } = home;
    const args = ['install', 'mooring', chart, '-n', namespace, '-f', '-'];
    await timed('install by Helm 3 ready', async () => {
      await run(helm3, args, stringify({ ...imageValues(), ...inside, ...swift }));
      await ready(namespace);
    });
    const { data } = await get(namespace, 'secret', 'mooring');
    await install(namespace, { ...inside, ...swift });
    expect((await get(namespace, 'secret', 'mooring')).data).toEqual(data);
  });
});

/** Order and empty lines apart, and what is made at random. */
const comparable = (text: string) =>
  text
    .split('\n')
    .filter(
      (line) =>
        !/^\s*$|checksum\/|(jwt-secret|api-key|redis-password): [A-Za-z0-9+/=]{9,}$/.test(line),
    )
    .sort();
