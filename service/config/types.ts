// The types of environment variables, each with the error messages for invalid values.
import { createPublicKey } from 'node:crypto';
import { z } from 'zod';

export const count = (text: string, fallback: number, min = 1, max = 2 ** 31 - 1) =>
  z.coerce
    .number('must be a whole number')
    .int('must be a whole number')
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(fallback)
    .describe(text);
export const port = (text: string, fallback: number) => count(text, fallback, 0, 65_535);
export const choice = <const T extends readonly [string, ...string[]]>(text: string, options: T) =>
  z
    .enum(options, `must be one of ${options.join(', ')}`)
    .default(options[0] as never)
    .describe(`${text}: ${options.join(', ')}`);
export const url = (text: string, protocols: string[]) =>
  z
    .string()
    .refine(
      (value) => URL.canParse(value) && protocols.includes(new URL(value).protocol),
      `must be a URL that starts with ${protocols.join('// or ')}//`,
    )
    .optional()
    .describe(text);
/** A comma inside a URL, for example in a password, does not separate. */
export const splitUrls = (value: string) => value.split(/\s*,\s*(?=\w+:\/\/)/).filter(Boolean);
export const urls = (text: string, protocols: string[]) =>
  z
    .string()
    .transform(splitUrls)
    .refine(
      (values) =>
        values.every((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol)),
      `must be comma-separated URLs that start with ${protocols.join('// or ')}//`,
    )
    .optional()
    .describe(text);
export const list = (text: string, fallback: string[] = []) =>
  z
    .string()
    .default(fallback.join(','))
    .transform((value) => value.split(',').flatMap((item) => item.trim() || []))
    .describe(text);
export const share = (text: string, fallback: number) =>
  z.coerce
    .number('must be a number')
    .min(0, 'must be at least 0')
    .max(1, 'must be at most 1')
    .default(fallback)
    .describe(text);
/** HTTP headers in OpenTelemetry's format: `name=value`, comma-separated, percent-encoded. */
export const headers = (text: string) =>
  z
    .string()
    .refine(
      (value) => readHeaders(value) !== undefined,
      'must be name=value pairs, separated by commas',
    )
    .transform(readHeaders)
    .optional()
    .describe(text);
function readHeaders(text: string): Record<string, string> | undefined {
  try {
    const read = text.split(',').map((pair) => /^\s*([\w-]+)\s*=(.*)$/.exec(pair));
    if (!read.every((pair) => pair !== null)) return undefined;
    const pairs = read.map(([, name = '', value = '']) => [name, decodeURIComponent(value.trim())]);
    return Object.fromEntries(new Headers(pairs as [string, string][]));
  } catch {
    return undefined; // a malformed escape, or a value that no header can have
  }
}
export const isPublicKey = (pem: string) => {
  try {
    return ['rsa', 'ec', 'ed25519'].includes(createPublicKey(pem).asymmetricKeyType ?? '');
  } catch {
    return false;
  }
};
