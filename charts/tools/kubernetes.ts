// Strict schemas of the kinds that the chart renders, from the API server and CRDs of KUBECONFIG:
// `npm run schemas` writes test/chart/kubernetes.json, so that tests need no cluster.
// `npm run schemas -- FILE...` adds the kinds of these CRDs, if the cluster does not have them.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { findKubectl } from '../../tools/helm.ts';

type Schema = Record<string, unknown>;

export interface Kinds {
  /** The origin of the schemas. */
  source: string;
  /** Maps `apiVersion kind` to the name of its definition. */
  kinds: Record<string, string>;
  definitions: Record<string, Schema>;
}

export const file = join(import.meta.dirname, '../../test/chart/kubernetes.json');

/** Needs the CRDs of KEDA, Prometheus operator, Gateway API and Envoy Gateway. */
const wanted: Record<string, string[]> = {
  v1: ['ConfigMap', 'Namespace', 'Pod', 'Secret', 'Service', 'ServiceAccount'],
  'admissionregistration.k8s.io/v1': [
    'ValidatingAdmissionPolicy',
    'ValidatingAdmissionPolicyBinding',
  ],
  'apps/v1': ['Deployment', 'StatefulSet'],
  'autoscaling/v2': ['HorizontalPodAutoscaler'],
  'batch/v1': ['Job'],
  'gateway.envoyproxy.io/v1alpha1': ['BackendTrafficPolicy'],
  'gateway.networking.k8s.io/v1': ['HTTPRoute'],
  'keda.sh/v1alpha1': ['ScaledObject'],
  'monitoring.coreos.com/v1': ['PodMonitor', 'PrometheusRule', 'ServiceMonitor'],
  'networking.k8s.io/v1': ['Ingress', 'IngressClass', 'NetworkPolicy'],
  'policy/v1': ['PodDisruptionBudget'],
  'rbac.authorization.k8s.io/v1': ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
};

/** @throws with the name of a kind that the cluster does not have */
function kindsOfCluster({ kinds, definitions }: Kinds): Kinds {
  const { gitVersion } = JSON.parse(ask('/version'));
  const kept = Object.entries(kinds).filter(([id]) => !isOfCluster(id));
  const found: Kinds = { source: `Kubernetes ${gitVersion}`, kinds: {}, definitions: {} };
  for (const [id, name] of kept) {
    found.kinds[id] = name;
    found.definitions[name] = definitions[name] as Schema;
  }
  for (const [apiVersion, kinds] of Object.entries(wanted)) {
    const path = apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`;
    const { schemas } = JSON.parse(ask(`/openapi/v3/${path}`)).components;
    for (const kind of kinds) {
      const name = Object.keys(schemas).find((key) => isOf(schemas[key], apiVersion, kind));
      if (!name) throw new Error(`${apiVersion} has no ${kind}`);
      found.kinds[`${apiVersion} ${kind}`] = name;
      collect(name, schemas, found.definitions);
    }
  }
  return found;
}

interface Crd {
  kind: string;
  metadata?: { annotations?: Record<string, string> };
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
}

/** Kinds that only some presets render. */
const ofPresets: Record<string, string[]> = {
  'gateway.networking.k8s.io/v1': ['HTTPRoute'],
  'networking.gke.io/v1': ['GCPBackendPolicy', 'HealthCheckPolicy'],
  'networking.istio.io/v1': ['DestinationRule'],
  'traefik.io/v1alpha1': ['IngressRoute', 'Middleware'],
};

/** Adds the kinds of the CRDs in these files. */
function withCrds(known: Kinds, files: string[]): Kinds {
  for (const path of files) {
    for (const document of parseAllDocuments(readFileSync(path, 'utf8'))) {
      const { kind, metadata, spec } = (document.toJS() ?? {}) as Crd;
      if (kind !== 'CustomResourceDefinition') continue;
      const channel = metadata?.annotations?.['gateway.networking.k8s.io/channel'];
      for (const { name, schema } of spec.versions) {
        const apiVersion = `${spec.group}/${name}`;
        if (!ofPresets[apiVersion]?.includes(spec.names.kind)) continue;
        const id = [apiVersion, spec.names.kind, channel].filter(Boolean).join(' ');
        const definition = id.replaceAll(/[/ ]/g, '.');
        const { properties, ...rest } = schema.openAPIV3Schema;
        const common = { apiVersion: {}, kind: {}, metadata: {} }; // which not every CRD repeats
        known.kinds[id] = definition;
        known.definitions[definition] = strict({
          ...rest,
          properties: { ...common, ...(properties as Schema) },
        }) as Schema;
      }
    }
  }
  return known;
}

const isOfCluster = (id: string) => {
  const [apiVersion = '', kind = '', channel] = id.split(' ');
  return !channel && Boolean(wanted[apiVersion]?.includes(kind));
};

const ask = (path: string) =>
  execFileSync(findKubectl(), ['get', '--raw', path], { encoding: 'utf8', maxBuffer: 2 ** 27 });

function isOf(schema: Schema, apiVersion: string, kind: string): boolean {
  const names = (schema['x-kubernetes-group-version-kind'] ?? []) as Record<string, string>[];
  return names.some(
    (one) => one.kind === kind && [one.group, one.version].filter(Boolean).join('/') === apiVersion,
  );
}

/** A definition with all definitions that it refers to. */
function collect(name: string, from: Record<string, Schema>, into: Record<string, Schema>) {
  if (into[name]) return;
  const schema = strict(from[name] as Schema) as Schema;
  into[name] = schema;
  for (const [, other] of JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)) {
    collect(other as string, from, into);
  }
}

const silent = ['description', 'default', 'format', 'nullable', 'example'];

/**
 * Keeps only keywords of JSON Schema and forbids undeclared fields, except inside of allOf and
 * similar keywords, where fields are mentioned but not declared.
 */
function strict(schema: unknown, mentioned = false): unknown {
  if (Array.isArray(schema)) return schema.map((one) => strict(one, true));
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref, properties, ...rest } = schema as Schema;
  if ($ref) return { $ref: String($ref).replace('components/schemas', 'definitions') };
  const kept = Object.entries(rest).filter(
    ([key, value]) =>
      !(silent.includes(key) || key.startsWith('x-kubernetes-') || isOfGo(key, value)),
  );
  const result: Schema = Object.fromEntries(
    kept.map(([key, value]) => [key, strict(value, mentioned || key === 'not')]),
  );
  if (rest['x-kubernetes-int-or-string']) result.type = ['integer', 'string'];
  if (rest.nullable && typeof result.type === 'string') result.type = [result.type, 'null'];
  if (!properties) return result;
  const fields = Object.entries(properties).map(([key, value]) => [key, strict(value, mentioned)]);
  const open = mentioned || rest['x-kubernetes-preserve-unknown-fields'];
  if (!open && !rest.additionalProperties) result.additionalProperties = false;
  return { ...result, properties: Object.fromEntries(fields) };
}

/** Inline flags in patterns are a feature of Go. */
const isOfGo = (key: string, value: unknown) =>
  key === 'pattern' && /\(\?[a-z]+\)/.test(`${value}`);

/** One definition per line, to keep diffs readable. */
export function written({ source, kinds, definitions }: Kinds): string {
  const lines = Object.entries(definitions)
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([name, schema]) => `${JSON.stringify(name)}: ${JSON.stringify(schema)}`);
  const head = `{\n"source": ${JSON.stringify(source)},\n"kinds": ${JSON.stringify(kinds)},\n`;
  return `${head}"definitions": {\n${lines.join(',\n')}\n}\n}\n`;
}

if (import.meta.main) {
  const files = process.argv.slice(2);
  const known: Kinds = JSON.parse(readFileSync(file, 'utf8'));
  const kinds = files.length > 0 ? withCrds(known, files) : kindsOfCluster(known);
  writeFileSync(file, written(kinds));
}
