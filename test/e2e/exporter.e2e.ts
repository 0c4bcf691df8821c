// redis.exporter.enabled: Prometheus gets the figures of the release's Redis. EXPORTER_IMAGE names
// an image that nodes have or can fetch.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  eventually,
  get,
  install,
  type Json,
  kubectl,
  node,
  openNamespace,
  swift,
  timed,
  withoutVolume,
} from './cluster.ts';
import { has } from './gateway.ts';

const prometheus = '/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/query';
const image = process.env.EXPORTER_IMAGE;
if (!image) process.stdout.write('  · skipped: EXPORTER_IMAGE names no image of the exporter\n');
const hasPrometheus = await has('Prometheus', '-n', 'monitoring', 'service', 'prometheus');

describe.runIf(image && hasPrometheus)('the exporter of Redis', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;

  beforeAll(async () => {
    home = await openNamespace('exporter');
    const [, registry, repository, tag] = /^([^/]+)\/(.+):(.+)$/.exec(image ?? '') ?? [];
    const exporter = { enabled: true, image: { registry, repository, tag } };
    const redis = { ...(withoutVolume.redis as object), exporter };
    await timed('install with the exporter ready', () =>
      install(home.namespace, { ...withoutVolume, ...swift, redis }),
    );
  });

  afterAll(() => home?.close());

  const ask = async (query: string): Promise<Json[]> => {
    const path = `${prometheus}?query=${encodeURIComponent(query)}`;
    return JSON.parse(await kubectl('get', '--raw', path)).data.result;
  };

  it('logs in with the password of the Secret, and Prometheus scrapes it', async () => {
    await eventually(60, async () => {
      const [up] = await ask(`redis_up{namespace="${home.namespace}"}`);
      expect(up?.value[1]).toBe('1');
    });
    const names = ['redis_memory_used_bytes', 'redis_connected_clients', 'redis_aof_enabled'];
    for (const name of names) {
      // By pod: a Prometheus that keeps the container's name finds the port once for each.
      const found = await ask(`max by (pod) (${name}{namespace="${home.namespace}"})`);
      expect(found).toHaveLength(1);
    }
  });

  it('writes nothing, is not root, and answers nobody else', async () => {
    const { spec, status } = await get(home.namespace, 'pod', 'mooring-redis-0');
    const [, { securityContext }] = spec.containers;
    expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true });
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10001 });
    expect(status.containerStatuses.map(({ restartCount }: Json) => restartCount)).toEqual([0, 0]);
    const script = `const signal = AbortSignal.timeout(3000);
      fetch('http://mooring-redis:9121/metrics', { signal })
      .then(() => console.log('open'), () => console.log('closed'));`;
    expect(await node(home.namespace, 'deployment/mooring', script)).toBe('closed');
  });
});
