import { describe, expect, it } from 'vitest';
import { all, filesIn, only, render, scenario, type Values } from './render.ts';

const configOf = (values?: Values) => only(render(values), 'ConfigMap', 'mooring-redis').data;
const containerOf = (values?: Values) =>
  only(render(values), 'StatefulSet').spec.template.spec.containers[0];

describe('the Redis of the release', () => {
  it('keeps its data in a log on a volume and refuses what does not fit', () => {
    const config = configOf()['redis.conf'];
    expect(config).toContain('appendonly yes');
    expect(config).toContain('maxmemory-policy noeviction');
    const [claim] = only(render(), 'StatefulSet').spec.volumeClaimTemplates;
    expect(claim.spec.accessModes).toEqual(['ReadWriteOnce']);
  });

  it.each([
    ['512Mi', 307, 64],
    ['2Gi', 1228, 256],
  ])('derives its bounds from %s of memory', (memory, maxMegabytes, pubsubMegabytes) => {
    const config = configOf({ redis: { memory } })['redis.conf'];
    expect(config).toContain(`maxmemory ${maxMegabytes}mb`);
    expect(config).toContain(`client-output-buffer-limit pubsub ${pubsubMegabytes}mb`);
    expect(containerOf({ redis: { memory } }).resources.limits.memory).toBe(memory);
  });

  it('becomes Valkey by one value', () => {
    expect(containerOf().image).toBe('docker.io/library/redis:8.0');
    expect(containerOf({ redis: { engine: 'valkey' } }).image).toBe('docker.io/valkey/valkey:8.1');
    expect(configOf({ redis: { engine: 'valkey' } })['start.sh']).toContain('exec valkey-server');
  });

  it('loads before it is ready, and lives meanwhile', () => {
    const config = configOf();
    expect(config['ready.sh']).not.toContain('LOADING');
    expect(config['alive.sh']).toContain('LOADING');
    expect(containerOf().readinessProbe.exec.command).toEqual(['sh', '/etc/redis/ready.sh']);
    expect(containerOf().livenessProbe.exec.command).toEqual(['sh', '/etc/redis/alive.sh']);
  });

  it('has its passwords from a Secret, outside of arguments, environment and ConfigMap', () => {
    const secretsOf = (values?: Values) => {
      const { volumes } = only(render(values), 'StatefulSet').spec.template.spec;
      const { projected } = volumes.find(({ name }: { name: string }) => name === 'passwords');
      return projected.sources.map(({ secret }: { secret: object }) => secret);
    };
    const { env, command } = containerOf();
    expect(env).toBeUndefined();
    expect(command).toEqual(['sh', '/etc/redis/start.sh']);
    expect(secretsOf()).toMatchObject([
      { name: 'mooring-redis', items: [{ key: 'redis-password' }] },
      { name: 'mooring-redis', items: [{ key: 'redis-password-previous' }], optional: true },
    ]);
    expect(secretsOf(scenario('existing-secrets'))[0]).toMatchObject({ name: 'chat-redis' });
    expect(all(render(scenario('existing-secrets')), 'Secret')).toEqual([]);
  });

  it('has a headless Service for its StatefulSet, and one with an address for clients', () => {
    const service = (name: string) => only(render(), 'Service', name).spec;
    const { serviceName } = only(render(), 'StatefulSet').spec;
    expect(service(serviceName).clusterIP).toBe('None');
    expect(service('mooring-redis').clusterIP).toBeUndefined();
    expect(service(serviceName).selector).toEqual(service('mooring-redis').selector);
  });

  it('exports metrics on request', () => {
    const { metadata, spec: set } = only(render(scenario('connections')), 'StatefulSet').spec
      .template;
    expect(metadata.annotations['prometheus.io/port']).toBe('9121');
    expect(set.containers.map(({ name }: { name: string }) => name)).toEqual(['redis', 'exporter']);
    expect(
      only(render(scenario('connections')), 'Service', 'mooring-redis').spec.ports,
    ).toHaveLength(2);
  });

  it('restarts for its configuration or engine only', () => {
    const secret = { existingSecret: 'chat-redis' };
    const pod = (values: Values) =>
      only(render({ redis: { ...secret, ...values } }), 'StatefulSet').spec.template.metadata;
    expect(pod({ extraConfig: 'io-threads 2' })).not.toEqual(pod({}));
    expect(pod({ engine: 'valkey' })).not.toEqual(pod({}));
    expect(pod({ networkPolicy: { enabled: false } })).toEqual(pod({}));
  });
});

describe('a Redis of one’s own', () => {
  const manifests = render(scenario('external-redis'));
  const { spec } = only(manifests, 'Deployment', 'mooring').spec.template;
  const [container] = spec.containers;

  it('replaces the chart’s', () => {
    expect(all(manifests, 'StatefulSet')).toEqual([]);
    expect(filesIn(spec)['redis-url']).toBe('mooring redis-url');
    const { data } = only(manifests, 'Secret', 'mooring');
    expect(atob(data['redis-url'])).toBe('rediss://mooring@redis.example.com:6380');
  });

  it('is trusted through its own authority', () => {
    const { NODE_EXTRA_CA_CERTS } = only(manifests, 'ConfigMap', 'mooring').data;
    const [mount] = container.volumeMounts;
    expect(NODE_EXTRA_CA_CERTS).toBe(`${mount.mountPath}/ca.crt`);
  });

  it('is shared with other releases under a prefix, and names the installation', () => {
    const configOf = (values: Values) => only(render(values), 'ConfigMap', 'mooring').data;
    const values = scenario('external-redis');
    expect(configOf(values)).toMatchObject({
      REDIS_PREFIX: 'mooring:chat.mooring',
      INSTALLATION: 'chat/mooring',
    });
    const { url } = values.externalRedis as { url: string };
    const chosen = { ...values, externalRedis: { url, prefix: 'chat' } };
    expect(configOf(chosen).REDIS_PREFIX).toBe('chat');
    expect(configOf({}).REDIS_PREFIX).toBeUndefined(); // its own Redis
    expect(configOf({}).INSTALLATION).toBe('chat/mooring');
  });

  it('may have its address in a Secret of one’s own', () => {
    const other = only(render(scenario('shared-redis')), 'Deployment', 'mooring');
    expect(filesIn(other.spec.template.spec)['redis-url']).toBe('shared-redis url');
  });

  it('may be behind Sentinels, or a cluster', () => {
    const watched = render(scenario('sentinel'));
    expect(only(watched, 'ConfigMap', 'mooring').data).toMatchObject({
      REDIS_MODE: 'sentinel',
      REDIS_SENTINEL_NAME: 'chat',
    });
    const files = filesIn(only(watched, 'Deployment', 'mooring').spec.template.spec);
    expect(files['redis-sentinel-password']).toMatch(/ sentinel-password$/);
    const cluster = render(scenario('redis-cluster'));
    expect(only(cluster, 'ConfigMap', 'mooring').data.REDIS_MODE).toBe('cluster');
    const { egress } = only(cluster, 'NetworkPolicy', 'mooring').spec;
    expect(egress).toContainEqual({ ports: [{ port: 7000 }, { port: 7001 }] });
  });
});
