// A Redis of somebody else's, reached by TLS only: one server that a Sentinel watches, and a
// cluster of two nodes, in one pod.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificates } from '../harness/certificates.ts';
import { apply, kubectl } from './cluster.ts';

export const password = 'p@ss/word';
export const sentinelPassword = 'watch:me';
export const ports = { single: 6379, sentinel: 26379, nodes: [7000, 7001] } as const;

/** Resolves when all of it answers as `store`. */
export async function openStore(namespace: string) {
  const { authority, certificate, key } = certificates();
  const secret = (name: string, stringData: Record<string, string>) => ({
    ...{ apiVersion: 'v1', kind: 'Secret' },
    ...{ metadata: { name, namespace }, stringData },
  });
  await apply(
    secret('store-tls', { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': authority }),
    secret('redis-ca', { 'ca.crt': authority }),
    secret('redis-address', {
      'redis-url': `rediss://:${encodeURIComponent(password)}@store:${ports.single}`,
      sentinels: `rediss://:${encodeURIComponent(password)}@store:${ports.sentinel}`,
      'sentinel-password': sentinelPassword,
    }),
    service(namespace),
    pod(namespace),
  );
  await kubectl('-n', namespace, 'wait', 'pod/store', '--for=condition=Ready', '--timeout=60s');
  const [first, second] = ports.nodes;
  await ask(namespace, first, 'cluster', 'addslotsrange', '0', '8191');
  await ask(namespace, second, 'cluster', 'addslotsrange', '8192', '16383');
  await ask(namespace, first, 'cluster', 'meet', '127.0.0.1', String(second));
}

/** What a server answers to a command. */
export const ask = (namespace: string, port: number, ...command: string[]) =>
  kubectl(
    ...['-n', namespace, 'exec', 'store', '-c', 'single', '--'],
    ...['redis-cli', '--tls', '--cacert', '/tls/ca.crt', '-h', 'store', '-p', String(port)],
    ...['--no-auth-warning', '-a', password, ...command],
  );

function certificates() {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-store-'));
  const { authority, certificate, key } = createCertificates(folder, 'DNS:store');
  const read = (path: string) => readFileSync(path, 'utf8');
  const made = { authority: read(authority), certificate: read(certificate), key: read(key) };
  rmSync(folder, { recursive: true });
  return made;
}

const service = (namespace: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'store', namespace },
  spec: {
    selector: { app: 'store' },
    publishNotReadyAddresses: true, // the Sentinel resolves its own name
    ports: [ports.single, ports.sentinel, ...ports.nodes].map((port) => ({
      ...{ name: `p${port}`, port },
    })),
  },
});

const tls = [
  ...['port 0', 'tls-auth-clients no', 'tls-replication yes', 'tls-cluster yes'],
  ...['tls-cert-file /tls/tls.crt', 'tls-key-file /tls/tls.key', 'tls-ca-cert-file /tls/ca.crt'],
];
const server = (port: number) => [
  ...[...tls, `tls-port ${port}`, `dir /data/${port}`],
  ...[`requirepass ${password}`, `masterauth ${password}`, 'appendonly yes'],
];
const node = (port: number) => [
  ...[...server(port), 'cluster-enabled yes', 'cluster-announce-hostname store'],
  'cluster-preferred-endpoint-type hostname',
];
const sentinel = [
  ...[...tls, `tls-port ${ports.sentinel}`, `requirepass ${sentinelPassword}`],
  ...['sentinel resolve-hostnames yes', 'sentinel announce-hostnames yes'],
  `sentinel monitor chat store ${ports.single} 1`,
  `sentinel auth-pass chat ${password}`,
];

function pod(namespace: string) {
  const start = (port: number, lines: string[], mode = '') => {
    const quoted = lines.map((line) => `'${line}'`).join(' ');
    const file = `/data/${port}.conf`;
    const write = `mkdir -p /data/${port}; printf '%s\\n' ${quoted} > ${file}`;
    return `${write}; redis-server ${file}${mode}`;
  };
  const [first, second] = ports.nodes;
  const cluster = `${start(first, node(first))} & ${start(second, node(second))}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'store', namespace, labels: { app: 'store' } },
    spec: {
      terminationGracePeriodSeconds: 1,
      securityContext: {
        ...{ runAsNonRoot: true, runAsUser: 999, fsGroup: 999 },
        seccompProfile: { type: 'RuntimeDefault' },
      },
      containers: [
        container('single', start(ports.single, server(ports.single)), ports.single),
        // It looks for the server once, at its start.
        container('sentinel', `sleep 3; ${start(26379, sentinel, ' --sentinel')}`, ports.sentinel),
        container('cluster', cluster, second),
      ],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'tls', secret: { secretName: 'store-tls' } },
      ],
    },
  };
}

const container = (name: string, script: string, port: number) => ({
  name,
  image: 'docker.io/library/redis:8.0',
  imagePullPolicy: 'IfNotPresent',
  command: ['sh', '-c', script],
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
  volumeMounts: [
    { name: 'data', mountPath: '/data' },
    { name: 'tls', mountPath: '/tls', readOnly: true },
  ],
});
