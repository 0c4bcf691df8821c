// The command line of the load client.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mintToken } from '../../auth/tokens.ts';
import { parseHeader } from '../header.ts';
import type { LoadOptions } from './load.ts';

export const help = `Connects stock Socket.IO clients with browser-like cookies, sends them numbered
messages, and reports what they experience during a rollout, a kill or scaling.

  node service/cli/load/main.ts --url URL (--secret-file FILE | --token TOKEN) [options]

  --url URL               the URL to connect to, e.g. http://127.0.0.1:8080
  --secret-file FILE      a file with JWT_SECRET: signs one token per client
  --token TOKEN           one token for all clients, instead of a secret
  --clients N             number of clients [300]
  --transports LIST       transports; repeat to alternate between clients [polling,websocket]
  --rooms N               number of rooms; each client joins one [10]
  --rate N                messages per second in each room [10]
  --seconds N             how long to measure, once all are connected; 0: until a signal [60]
  --connects-per-second N new clients per second at the start [100]
  --header "NAME: VALUE"  header to send with every request, e.g. "Host: chat.example"; repeatable
  --forwarded-for         give each client its own X-Forwarded-For, for a proxy that routes by
                          address and trusts this machine
  --json FILE             write the report to FILE, with the record of every client
  --help                  print this text

Signals: SIGUSR1 restarts the measurement, SIGUSR2 prints a report, SIGINT and SIGTERM print it and
exit. Exit status 0: every message arrived once and in order, and every client is connected; else 1.
`;

export class UsageError extends Error {}

export interface CommandLine extends LoadOptions {
  /** 0: until a signal. */
  seconds: number;
  /** File for the report as JSON. */
  json?: string;
}

/** `undefined` for `--help`. @throws UsageError */
export function readCommandLine(args: string[]): CommandLine | undefined {
  const { values } = parse(args);
  if (values.help) return undefined;
  const { url, json } = values;
  if (!url || !/^https?:/.test(url)) throw new UsageError('--url http://... is required');
  return {
    url,
    tokenFor: tokensOf(values),
    clients: atLeast(1, '--clients', values.clients),
    rooms: atLeast(1, '--rooms', values.rooms),
    rate: atLeast(0.1, '--rate', values.rate),
    seconds: atLeast(0, '--seconds', values.seconds),
    connectsPerSecond: atLeast(1, '--connects-per-second', values['connects-per-second']),
    transports: values.transports.map(transportsOf),
    headers: Object.fromEntries(values.header.map(headerOf)),
    forwardedFor: values['forwarded-for'],
    ...(json !== undefined && { json }),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        url: { type: 'string' },
        'secret-file': { type: 'string' },
        token: { type: 'string' },
        clients: { type: 'string', default: '300' },
        transports: { type: 'string', multiple: true, default: ['polling,websocket'] },
        rooms: { type: 'string', default: '10' },
        rate: { type: 'string', default: '10' },
        seconds: { type: 'string', default: '60' },
        'connects-per-second': { type: 'string', default: '100' },
        header: { type: 'string', multiple: true, default: [] },
        'forwarded-for': { type: 'boolean', default: false },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const tokenSeconds = 86_400;

function tokensOf(values: { 'secret-file'?: string | undefined; token?: string | undefined }) {
  const { token, 'secret-file': file } = values;
  if (token) return () => token;
  if (!file) throw new UsageError('--secret-file or --token is required');
  const secret = readFileSync(file, 'utf8').trim();
  return (user: string) => mintToken(secret, { sub: user, rooms: ['load-*'] }, tokenSeconds);
}

function atLeast(min: number, name: string, text: string): number {
  const value = Number(text);
  if (text !== '' && value >= min) return value;
  throw new UsageError(`${name} must be a number of at least ${min}, not "${text}"`);
}

function transportsOf(text: string): string[] {
  const names = text.split(',');
  if (names.every((name) => ['polling', 'websocket'].includes(name))) return names;
  throw new UsageError(`--transports must be polling, websocket or both, not "${text}"`);
}

function headerOf(text: string): [string, string] {
  try {
    return parseHeader(text);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
