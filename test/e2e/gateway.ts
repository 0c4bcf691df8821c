// A Gateway of Envoy's in front of a release: the door that a cluster without ingress-nginx has.
import { apply, eventually, get, type Json, kubectl, portForward, type Values } from './cluster.ts';

const className = process.env.GATEWAY_CLASS || 'envoy';

/** Whether the cluster has what a test needs; with E2E_ALL=1 a lack is a failure. */
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

/** Values of a release behind the Gateway `door`. */
export const behindGateway: Values = {
  exposure: {
    mode: 'gateway',
    gateway: { parentRefs: [{ name: 'door' }], preset: 'envoy-gateway', channel: 'experimental' },
  },
};

export async function openGateway(namespace: string) {
  await apply({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name: 'door', namespace },
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
  const door = await portForward(home, `service/${name}`, 80);
  return { ...door, urlInside: `http://${name}.${home}`, ports: service.spec.ports };
}

/** Its port on a node where that can be reached: a forwarded one costs each message dear. */
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

/** Resolves when the door leads to the service. */
export const leads = (url: string) =>
  eventually(60, async () => {
    const { status } = await fetch(`${url}/socket.io/?EIO=4&transport=polling`);
    if (status !== 200) throw new Error(`the door answers ${status}`);
  });

async function serviceOf(namespace: string): Promise<Json> {
  const label = 'gateway.envoyproxy.io/owning-gateway';
  const selector = `${label}-name=door,${label}-namespace=${namespace}`;
  const found = await kubectl('get', 'services', '-A', '-l', selector, '-o', 'json');
  const [service] = JSON.parse(found).items;
  if (!service) throw new Error('the Gateway has no Service yet');
  return get(service.metadata.namespace, 'service', service.metadata.name);
}
