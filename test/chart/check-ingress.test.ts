// What `mooring check --ingress` finds in a cluster with releases of this chart.
import { describe, expect, it } from 'vitest';
import { judgeIngress } from '../../service/cli/check/ingress.ts';
import { all, type Manifest, only, render, scenario, type Values } from './render.ts';

const shared = { exposure: { mode: 'ingress-nginx' }, 'ingress-nginx': { enabled: false } };

/** What somebody else has installed: the chart's controller with the class `nginx`. */
function foreign(config: Record<string, string>): Manifest[] {
  const own = { className: 'nginx', config, workerShutdownSeconds: 240 };
  const manifests = render({ 'ingress-nginx': own }, { name: 'edge', namespace: 'edge' });
  return inNamespace(manifests, 'edge').filter(({ metadata }) => /nginx/.test(metadata.name));
}

const release = (namespace: string, values: Values) =>
  inNamespace(render(values, { namespace }), namespace);

/** As the API server returns it. */
const inNamespace = (manifests: Manifest[], namespace: string): Manifest[] =>
  manifests.map((one) => ({ ...one, metadata: { namespace, ...one.metadata } }));

async function resultsOf(manifests: Manifest[]) {
  const results = await judgeIngress(
    { namespace: 'chat', name: 'mooring' },
    {
      ingresses: all(manifests, 'Ingress'),
      classes: all(manifests, 'IngressClass'),
      workloads: all(manifests, 'Deployment'),
      configMap: async (namespace, name) =>
        only(
          manifests.filter(({ metadata }) => metadata.namespace === namespace),
          'ConfigMap',
          name,
        ),
    },
  );
  return Object.fromEntries(results.map((one) => [one.name, one]));
}

describe('mooring check --ingress', () => {
  it('finds nothing wrong with a release that has its own controller', async () => {
    const { ingress, reloads } = await resultsOf(release('chat', {}));
    expect(ingress).toMatchObject({ state: 'holds', detail: '*/ of this Ingress alone' });
    expect(reloads).toMatchObject({ state: 'holds', detail: expect.stringContaining('900s; 0') });
  });

  it.each([
    ['240s', {}],
    ['10m', { 'worker-shutdown-timeout': '10m' }],
  ])('finds a foreign controller that cuts WebSockets %s after a reload', async (time, config) => {
    const host = { ...shared, exposure: { ...shared.exposure, host: 'chat.example.com' } };
    const other = { ...shared, exposure: { ...shared.exposure, host: 'shop.example.com' } };
    const manifests = [foreign(config), release('chat', host), release('shop', other)].flat();
    const { ingress, reloads } = await resultsOf(manifests);
    expect(ingress?.state).toBe('holds');
    expect(reloads).toMatchObject({
      finding: 'reload_cuts',
      detail: `old workers of edge/edge-ingress-nginx end after ${time}; 1 other Ingress`,
    });
  });

  it('is content with a foreign controller that leaves time', async () => {
    const manifests = [foreign({ 'worker-shutdown-timeout': '1h' }), release('chat', shared)];
    expect((await resultsOf(manifests.flat())).reloads?.state).toBe('holds');
  });

  it('finds two releases without a host on one controller', async () => {
    const manifests = [foreign({}), release('chat', shared), release('second', shared)].flat();
    expect((await resultsOf(manifests)).ingress).toMatchObject({
      finding: 'host_taken',
      detail: 'second/mooring claims */ too',
    });
  });

  it('is content with two releases that have controllers of their own', async () => {
    const manifests = [release('chat', {}), release('second', {})].flat();
    expect((await resultsOf(manifests)).ingress?.state).toBe('holds');
  });

  it('skips reloads of other controllers', async () => {
    const { reloads } = await resultsOf(release('chat', scenario('traefik')));
    expect(reloads).toMatchObject({ state: 'skipped' });
  });

  it('says which Ingress is not there', async () => {
    await expect(resultsOf([])).rejects.toThrow('there is no Ingress chat/mooring');
  });
});
