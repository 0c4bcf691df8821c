// Schemas for documents: as JSON Schema, and as a short notation that fits into a table.
import { z } from 'zod';

export interface JsonSchema {
  type?: string;
  title?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema | JsonSchema[];
  anyOf?: JsonSchema[];
  [key: string]: unknown;
}

/**
 * Draft 7, which AsyncAPI's own schemas are made of. What JSON Schema cannot say is anything.
 * @param io `input`: as clients send it, before defaults
 */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const options = { io, target: 'draft-7', unrepresentable: 'any' } as const;
  const { $schema, ...described } = z.toJSONSchema(schema, options) as JsonSchema;
  return withoutNoise(described) as JsonSchema;
}

/**
 * Zod bounds every integer by what a double can hold, and closes every object that it describes as
 * output: clients must take keys that a later version adds.
 */
function withoutNoise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNoise);
  if (typeof value !== 'object' || value === null) return value;
  const isNoise = (key: string, part: unknown) =>
    (key === 'minimum' && part === Number.MIN_SAFE_INTEGER) ||
    (key === 'maximum' && part === Number.MAX_SAFE_INTEGER) ||
    (key === 'additionalProperties' && part === false);
  const kept = Object.entries(value).filter(([key, part]) => !isNoise(key, part));
  return Object.fromEntries(kept.map(([key, part]) => [key, withoutNoise(part)]));
}

export const isNothing = (schema: z.ZodType): boolean => schema instanceof z.ZodUndefined;

/** `{ roomId, text, id? }`: keys of objects, otherwise the title or type. */
export function notationOf(schema: JsonSchema): string {
  const { type, title, properties, required = [], items, anyOf } = schema;
  if (type === 'object' && properties && !title) {
    const keys = Object.keys(properties).map((key) => (required.includes(key) ? key : `${key}?`));
    return `{ ${keys.join(', ')} }`;
  }
  if (title) return title;
  if (Array.isArray(items)) return items.map(notationOf).join(', ');
  if (type === 'array' && items) return `[${items.title ?? notationOf(items)}, ...]`;
  if (anyOf) return anyOf.map(notationOf).join(' or ');
  return type ?? 'anything';
}
