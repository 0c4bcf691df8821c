// What only the cluster can tell: how the Ingress's controller reloads, and who shares its host.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { fails, holds, type Result, skipped } from './finding.ts';

/** Namespace and name of an Ingress. */
export interface IngressName {
  namespace: string;
  name: string;
}

interface Metadata {
  name: string;
  namespace: string;
  annotations?: Record<string, string>;
}

interface Ingress {
  metadata: Metadata;
  spec: {
    ingressClassName?: string;
    rules?: { host?: string; http?: { paths: { path?: string }[] } }[];
  };
}

interface IngressClass {
  metadata: Metadata;
  spec: { controller: string };
}

interface Workload {
  metadata: Metadata;
  spec: { template: { spec: { containers: { args?: string[]; command?: string[] }[] } } };
}

interface ConfigMap {
  metadata: Metadata;
  data?: Record<string, string>;
}

/** What the API server says. */
export interface Ingresses {
  ingresses: Ingress[];
  classes: IngressClass[];
  /** Deployments and DaemonSets, the controllers among them. */
  workloads: Workload[];
  /** By namespace and name. */
  configMap(namespace: string, name: string): Promise<ConfigMap>;
}

/** How long old nginx workers should keep their WebSockets; the chart's own controller does. */
const shutdownSecondsMin = 900;
const shutdownDefault = '240s';
const ingressNginx = 'k8s.io/ingress-nginx';

/** Reads the cluster with kubectl. Never rejects. */
export async function checkIngress(name: IngressName): Promise<Result[]> {
  try {
    return await judgeIngress(name, await readCluster());
  } catch (error) {
    return [fails('ingress', 'cluster_unread', reasonOf(error))];
  }
}

/** @throws if there is no such Ingress */
export async function judgeIngress(name: IngressName, cluster: Ingresses): Promise<Result[]> {
  const own = cluster.ingresses.find(
    ({ metadata }) => metadata.namespace === name.namespace && metadata.name === name.name,
  );
  if (!own) throw new Error(`there is no Ingress ${name.namespace}/${name.name}`);
  const className = classOf(own, cluster.classes);
  const neighbors = cluster.ingresses.filter(
    (one) => one !== own && classOf(one, cluster.classes) === className,
  );
  const controller = cluster.classes.find(({ metadata }) => metadata.name === className);
  return [
    judgeHosts(own, neighbors),
    await judgeReloads(controller?.spec.controller ?? ingressNginx, neighbors.length, cluster),
  ];
}

/** Two Ingresses with the same host and path: one of them serves the clients of both. */
function judgeHosts(own: Ingress, neighbors: Ingress[]): Result {
  const claimed = addressesOf(own);
  for (const other of neighbors) {
    const both = addressesOf(other).find((address) => claimed.includes(address));
    if (!both) continue;
    const { namespace, name } = other.metadata;
    return fails('ingress', 'host_taken', `${namespace}/${name} claims ${both} too`);
  }
  return holds('ingress', `${claimed.join(', ')} of this Ingress alone`);
}

/** A reload of nginx closes WebSockets when its old workers end. */
async function judgeReloads(
  controllerClass: string,
  neighbors: number,
  { workloads, configMap }: Ingresses,
): Promise<Result> {
  const name = 'reloads';
  const found = workloads.find((one) => serves(one, controllerClass));
  if (!found) return skipped(name, `no ingress-nginx serves the class of ${controllerClass}`);
  const reference = argumentOf(found, '--configmap')?.split('/').at(-1);
  const { namespace } = found.metadata;
  const { data } = reference ? await configMap(namespace, reference) : {};
  const timeout = data?.['worker-shutdown-timeout'] ?? shutdownDefault;
  const others = `${neighbors} other ${neighbors === 1 ? 'Ingress' : 'Ingresses'}`;
  const place = `${namespace}/${found.metadata.name}`;
  const detail = `old workers of ${place} end after ${timeout}; ${others}`;
  if (secondsOf(timeout) < shutdownSecondsMin) return fails(name, 'reload_cuts', detail);
  return holds(name, detail);
}

/** The class that is named, or the default of the cluster. */
function classOf({ metadata, spec }: Ingress, classes: IngressClass[]): string | undefined {
  const { annotations = {} } = metadata;
  const byDefault = classes.find(
    (one) => one.metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true',
  );
  return (
    spec.ingressClassName ?? annotations['kubernetes.io/ingress.class'] ?? byDefault?.metadata.name
  );
}

/** Every host and path, such as `chat.example.com/`. */
const addressesOf = ({ spec }: Ingress): string[] =>
  (spec.rules ?? []).flatMap(({ host = '*', http }) =>
    (http?.paths ?? []).map(({ path = '/' }) => host + path),
  );

function serves(workload: Workload, controllerClass: string): boolean {
  const words = wordsOf(workload);
  if (!words.some((word) => word.endsWith('/nginx-ingress-controller'))) return false;
  return (argumentOf(workload, '--controller-class') ?? ingressNginx) === controllerClass;
}

const wordsOf = ({ spec }: Workload): string[] =>
  spec.template.spec.containers.flatMap(({ command = [], args = [] }) => [...command, ...args]);

const argumentOf = (workload: Workload, name: string): string | undefined =>
  wordsOf(workload)
    .find((word) => word.startsWith(`${name}=`))
    ?.slice(name.length + 1);

/** A time of nginx, such as `15m` or `900`. */
function secondsOf(time: string): number {
  const units: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };
  const parts = [...time.matchAll(/(\d+)(ms|[smhd]?)/g)];
  return parts.reduce(
    (sum, [, number, unit]) => sum + Number(number) * (units[unit || 's'] ?? 1),
    0,
  );
}

const run = promisify(execFile);
const outputMax = 2 ** 27;

async function readCluster(): Promise<Ingresses> {
  const everywhere = '--all-namespaces';
  const [ingresses, classes, workloads] = await Promise.all([
    list<Ingress>('ingresses.networking.k8s.io', everywhere),
    list<IngressClass>('ingressclasses.networking.k8s.io'),
    list<Workload>('deployments.apps,daemonsets.apps', everywhere),
  ]);
  const configMap = (namespace: string, name: string) =>
    get<ConfigMap>('configmap', name, '--namespace', namespace);
  return { ingresses, classes, workloads, configMap };
}

const list = async <T>(...what: string[]) => (await get<{ items: T[] }>(...what)).items;

async function get<T>(...what: string[]): Promise<T> {
  const args = ['get', ...what, '--output', 'json'];
  const { stdout } = await run('kubectl', args, { maxBuffer: outputMax });
  return JSON.parse(stdout) as T;
}

function reasonOf(error: unknown): string {
  const { code, stderr, message } = error as NodeJS.ErrnoException & { stderr?: string };
  if (code === 'ENOENT') return 'kubectl is not installed here';
  return (stderr || message).trim().split('\n').at(-1) ?? '';
}
