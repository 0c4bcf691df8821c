// Without Helm: `kubectl apply -k k8s/overlays/kind`, moved to a namespace of its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { closeAll, connectMany, tokenMaker } from './clients.ts';
import { get, image, kubectl, openNamespace, portForward, ready, timed } from './cluster.ts';

let home: Awaited<ReturnType<typeof openNamespace>>;
const folder = mkdtempSync(join(tmpdir(), 'mooring-k8s-'));

beforeAll(async () => {
  home = await openNamespace('k8s');
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await home?.close();
});

it('applies, makes its secrets in the cluster, and serves', async () => {
  const [, newName = image, newTag] = /^(.+):([^:/]+)$/.exec(image) ?? [];
  const kustomization = {
    namespace: home.namespace,
    resources: [relative(folder, 'k8s/overlays/kind')],
    images: [{ name: 'mooring', newName, ...(newTag && { newTag }) }],
  };
  writeFileSync(join(folder, 'kustomization.yaml'), stringify(kustomization));
  await timed('kubectl apply -k to ready', async () => {
    await kubectl('apply', '-k', folder);
    await ready(home.namespace);
  });
  const tokenFor = await tokenMaker(home.namespace, 'mooring-auth');
  const forward = await portForward(home.namespace, 'service/mooring', 80);
  const clients = await connectMany(3, forward.url, tokenFor);
  closeAll(clients);
  forward.close();
});

it('applies again, and keeps the secrets', async () => {
  const secret = await get(home.namespace, 'secret', 'mooring-auth');
  const job = ['-n', home.namespace, 'delete', 'job', 'mooring-secrets', '--ignore-not-found'];
  await kubectl(...job);
  await kubectl('apply', '-k', folder);
  await kubectl(
    ...['-n', home.namespace, 'wait', 'job/mooring-secrets'],
    ...['--for=condition=complete', '--timeout=60s'],
  );
  expect((await get(home.namespace, 'secret', 'mooring-auth')).data).toEqual(secret.data);
});
