// An Envoy Gateway in front of a release, for clusters without ingress-nginx.
import { apply, eventually, get, type Json, kubectl, portForward, type Values } from './cluster.ts';

const className = process.env.GATEWAY_CLASS || 'envoy';

/** Whether the cluster has what a test needs; with E2E_ALL=1 a missing part is a failure. */
export async function has(what: string, ...query: string[]): Promise<boolean> {
  try {
    return (await kubectl('get', ...query, '-o', 'name')) !== '';
  } catch (error) {
    if (process.env.E2E_ALL) throw new Error(`${what} is not there: ${error}`);
    process.stdout.write(`  · skipped: ${what} is not there\n`);
    return false;
  }
}

export const hasGateway = () => has('Envoy Gateway', 'gatewayclass', className);

/** Values of a release behind the Gateway `e2e`. */
export const behindGateway: Values = {
  exposure: {
    mode: 'gateway',
    gateway: { parentRefs: [{ name: 'e2e' }], preset: 'envoy-gateway', channel: 'experimental' },
  },
};

export async function openGateway(namespace: string) {
  await apply({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'e2e', namespace },
    spec: {
      gatewayClassName: className,
      listeners: [{ name: 'http', port: 80, protocol: 'HTTP' }],
    },
  });
  const service = await eventually(60, () => serviceOf(namespace));
  const { name, namespace: home } = service.metadata;
  const selector = Object.entries(service.spec.selector).map((pair) => pair.join('='));
  await kubectl(
    ...['-n', home, 'wait', 'pod', '-l', selector.join(',')],
    ...['--for=condition=Ready', '--timeout=120s'],
  );
  const forward = await portForward(home, `service/${name}`, 80);
  return { ...forward, urlInside: `http://${name}.${home}`, ports: service.spec.ports };
}

/** Its node port, if that is reachable: port-forwarding is slow for every message. */
export async function directly({ url, ports }: { url: string; ports: Json[] }): Promise<string> {
  const nodes = JSON.parse(await kubectl('get', 'nodes', '-o', 'json')).items;
  const addresses = nodes.flatMap(({ status }: Json) =>
    status.addresses.flatMap(({ type, address }: Json) => (/IP$/.test(type) ? [address] : [])),
  );
  for (const host of ['127.0.0.1', ...addresses]) {
    const direct = `http://${host}:${ports[0].nodePort}`;
    const answer = fetch(direct, { signal: AbortSignal.timeout(1_000) });
    if (await answer.catch(() => {})) return direct;
  }
  return url;
}

/** Resolves when the gateway routes to the service. */
export const leads = (url: string) =>
  eventually(60, async () => {
    const { status } = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
    if (status !== 200) throw new Error(`the gateway answered ${status}`);
  });

async function serviceOf(namespace: string): Promise<Json> {
  const label = 'gateway.envoyproxy.io/owning-gateway';
  const selector = `${label}-name=e2e,${label}-namespace=${namespace}`;
  const found = await kubectl('get', 'services', '-A', '-l', selector, '-o', 'json');
  const [service] = JSON.parse(found).items;
  if (!service) throw new Error('the Gateway has no Service yet');
  return get(service.metadata.namespace, 'service', service.metadata.name);
}
