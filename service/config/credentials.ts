// The credentials that the service accepts. Logs and metrics show their names, never their values.
import { z } from 'zod';

/** What may verify a token. Named after its setting. */
export const tokenKeyNames = [
  'jwt_secret',
  'jwt_secret_previous',
  'jwt_public_key',
  'jwks',
] as const;
export type TokenKeyName = (typeof tokenKeyNames)[number];

/** What an API key may do. */
export const scopes = ['publish', 'read', 'moderate'] as const;
export type Scope = (typeof scopes)[number];

export interface ApiKey {
  name: string;
  scopes: readonly Scope[];
  key: string;
}

/** The name of `API_KEY`, which has every scope. */
const nameOfApiKey = 'api_key';

const secretBytesMin = 32;
const apiKeyLengthMin = 16;

export const hmacSecret = (text: string) =>
  z
    .string()
    .refine(
      (value) => Buffer.byteLength(value) >= secretBytesMin,
      `must be at least ${secretBytesMin} bytes long`,
    )
    .optional()
    .describe(text);

export const apiKey = (text: string) =>
  z
    .string()
    .regex(/^[\x20-\x7e]+$/, 'must be printable ASCII, because it is sent in a header')
    .min(
      apiKeyLengthMin,
      `must have at least ${apiKeyLengthMin} characters, such as those of \`openssl rand -hex 32\``,
    )
    .optional()
    .describe(text);

const entry = /^(?<name>[a-z0-9_-]{1,64}):(?<scopes>[a-z+]+):(?<key>[\x21-\x7e]+)$/;

/** API keys as `name:scope+scope:key`, separated by commas or white space. */
export const apiKeys = (text: string) =>
  z
    .string()
    .default('')
    .transform((value, context) => {
      const entries = value.split(/[\s,]+/).filter(Boolean);
      const keys = entries.flatMap((text) => parseEntry(text) ?? []);
      const problem = problemOf(keys, entries.length);
      if (problem) context.addIssue({ code: 'custom', message: problem });
      return keys;
    })
    .describe(text);

function parseEntry(text: string): ApiKey | undefined {
  const { name = '', scopes: list = '', key = '' } = entry.exec(text)?.groups ?? {};
  const given = list.split('+');
  if (key.length < apiKeyLengthMin || !given.every((scope) => scopes.includes(scope as Scope)))
    return undefined;
  return { name, scopes: given as Scope[], key };
}

function problemOf(keys: ApiKey[], entries: number): string | undefined {
  if (keys.length < entries) {
    return (
      `must be entries name:scopes:key, separated by commas; scopes are ${scopes.join('+')}, or ` +
      `some of them, and keys have at least ${apiKeyLengthMin} characters, no comma and no space`
    );
  }
  const isRepeated = (values: string[]) => new Set(values).size < values.length;
  if (isRepeated([nameOfApiKey, ...keys.map(({ name }) => name)])) {
    return `must not repeat a name, nor use ${nameOfApiKey}, the name of API_KEY`;
  }
  return isRepeated(keys.map(({ key }) => key)) ? 'must not repeat a key' : undefined;
}

/** Every accepted API key. */
export function apiKeysOf(settings: {
  apiKey?: string | undefined;
  apiKeys: readonly ApiKey[];
}): ApiKey[] {
  const { apiKey: key, apiKeys: named } = settings;
  return [...(key ? [{ name: nameOfApiKey, scopes, key }] : []), ...named];
}
