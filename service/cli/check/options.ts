// The arguments of `check`.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parseHeader } from '../header.ts';
import type { IngressName } from './ingress.ts';
import { type CheckTarget, parseTarget } from './target.ts';
import { type MintKey, mintedTokens, type Tokens, tokensFrom } from './tokens.ts';

const timesMax = 200; // a check is not a load test

export interface CheckOptions {
  target: CheckTarget;
  /** Other URLs of the same service, to reach pods that the first does not. */
  others: CheckTarget[];
  /** Attempts per transport. */
  times: number;
  /** Skips the idle check, which takes two ping intervals. */
  quick: boolean;
  /** For endpoints without sticky sessions: skips polling. */
  websocketOnly: boolean;
  /** Reaching fewer pods than this is a failure. */
  podsMin: number;
  /** The origin of a page on another origin that shall connect. */
  origin: string | undefined;
  /** Prefix of the rooms that the check joins. */
  roomPrefix: string;
  tokens: Tokens;
  /** The Ingress to read from the cluster. */
  ingress?: IngressName;
  json: boolean;
}

/** Thrown for invalid arguments; the message says what to change. */
export class BadUsage extends Error {
  override name = 'BadUsage';
}

/**
 * @param key returns the signing key; called only when no token is given
 * @throws {BadUsage}
 */
export function parseCheck(args: string[], key: () => MintKey): CheckOptions {
  try {
    const { values, positionals } = readArguments(args);
    const [url, ...more] = positionals;
    if (!url || more.length > 0)
      throw new Error('check needs one URL, such as https://chat.example.com');
    const headers = readHeaders(values.header);
    const { ingress } = values;
    return {
      target: parseTarget(url, { connectTo: values['connect-to'], headers }),
      others: values.second.map((other) => parseTarget(other, { headers })),
      ...(ingress !== undefined && { ingress: readName(ingress) }),
      times: wholeNumber('--times', values.times, timesMax),
      podsMin: wholeNumber('--pods', values.pods, 10_000),
      quick: values.quick,
      websocketOnly: values['websocket-only'],
      origin: values.origin && parseTarget(values.origin).origin,
      roomPrefix: values['room-prefix'],
      tokens: readTokens(values, key),
      json: values.json,
    };
  } catch (error) {
    throw new BadUsage((error as Error).message, { cause: error });
  }
}

const readArguments = (args: string[]) =>
  parseArgs({
    args,
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      times: { type: 'string', default: '20' },
      pods: { type: 'string', default: '1' },
      second: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      'connect-to': { type: 'string' },
      header: { type: 'string', multiple: true, default: [] },
      ingress: { type: 'string' },
      'websocket-only': { type: 'boolean', default: false },
      origin: { type: 'string' },
      'room-prefix': { type: 'string', default: 'check-' },
      token: { type: 'string' },
      'token-file': { type: 'string' },
    },
  });

type Values = ReturnType<typeof readArguments>['values'];

function readTokens(values: Values, key: () => MintKey): Tokens {
  const path = values['token-file'];
  if (values.token && path) throw new Error('--token and --token-file: use only one');
  const given = path ? readToken(path) : values.token;
  return given ? tokensFrom(given) : mintedTokens(key(), values['room-prefix']);
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    throw new Error('--token-file cannot be read; check its path and permissions');
  }
}

function readHeaders(texts: string[]): Record<string, string> {
  const headers = texts.map(parseHeader);
  if (headers.some(([name]) => name.toLowerCase() === 'host')) {
    throw new Error('--header cannot set Host: give the host in URL, and --connect-to its address');
  }
  return Object.fromEntries(headers);
}

function readName(text: string): IngressName {
  const [namespace, name, ...more] = text.split('/');
  if (namespace && name && more.length === 0) return { namespace, name };
  throw new Error('--ingress must be NAMESPACE/NAME');
}

function wholeNumber(name: string, text: string, max: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= max) return number;
  throw new Error(`${name} must be a whole number from 1 to ${max}`);
}
