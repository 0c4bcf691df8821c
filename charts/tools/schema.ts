// Generates the strict JSON Schema of a chart's values.
import { z } from 'zod';
import { settings } from '../../service/config/schema.ts';
import type { Value } from './values.ts';

type Schema = Record<string, unknown>;

/** Variables that the chart sets, has own values for, or must keep out of a ConfigMap. */
export const chartOwned = ['PORT', 'OPERATIONS_PORT', 'HOST', 'POD_NAME'].concat(
  ['API_KEY', 'API_KEYS', 'SECRETS_DIR'],
  ['REDIS_PREFIX', 'INSTALLATION'],
  ['REDIS_URL', 'REDIS_PASSWORD', 'REDIS_MODE', 'REDIS_SENTINEL_NAME', 'REDIS_SENTINEL_PASSWORD'],
  ['JWT_SECRET', 'JWT_SECRET_PREVIOUS', 'JWT_PUBLIC_KEY', 'JWT_JWKS_URL'],
  ['JWT_ISSUER', 'JWT_AUDIENCE', 'JWT_ALGORITHMS', 'OTEL_EXPORTER_OTLP_HEADERS'],
  ['DRAIN_MS_MAX', 'ENDPOINT_DELAY_MS', 'SETTLE_MS', 'RELEASE'],
  ['POD_DELETION_COST', 'KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'],
);

/**
 * @param title of the schema
 * @param subcharts keys whose values a schema of their own checks
 */
export function schemaOf(title: string, values: Value[], subcharts: string[]): Schema {
  const properties = propertiesOf(values);
  for (const name of subcharts) properties[name] = { type: 'object' };
  // Helm passes `global` to every chart.
  properties.global ??= { type: 'object' };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title,
    type: 'object',
    properties,
    additionalProperties: false,
  };
}

function propertiesOf(values: Value[]): Schema {
  return Object.fromEntries(values.map((value) => [value.path.at(-1), schemaOfValue(value)]));
}

function schemaOfValue(value: Value): Schema {
  const { description, fallback, children, schema } = value;
  const described = description ? { description } : {};
  if (children && value.path.join('.') === 'config') {
    return { ...described, type: 'object', properties: variables(), additionalProperties: false };
  }
  if (children) {
    const properties = propertiesOf(children);
    return { ...described, type: 'object', properties, additionalProperties: false, ...schema };
  }
  return { ...described, type: typeOf(fallback), ...schema };
}

function typeOf(fallback: unknown): string {
  if (Array.isArray(fallback)) return 'array';
  if (typeof fallback === 'number') return 'integer';
  return typeof fallback === 'object' ? 'object' : typeof fallback;
}

/** Derived from the service's schema of its environment, so that the two cannot differ. */
function variables(): Schema {
  const { properties = {} } = z.toJSONSchema(settings, { io: 'input' }) as { properties?: Schema };
  const own = Object.entries(properties).filter(([name]) => !chartOwned.includes(name));
  return Object.fromEntries(
    own.map(([name, schema]) => {
      const { default: _, ...rest } = schema as Schema;
      return [name, withBooleans(rest)];
    }),
  );
}

/** YAML reads a bare `on` as true. */
function withBooleans(schema: Schema): Schema {
  const options = schema.enum as unknown[] | undefined;
  if (!options?.includes('on')) return schema;
  return { ...schema, type: ['string', 'boolean'], enum: [...options, true, false] };
}
