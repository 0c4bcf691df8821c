// The command line of the load client.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mintToken } from '../../auth/tokens.ts';
import type { LoadOptions } from './load.ts';

export const help = `Holds stock Socket.IO clients with browser-like cookies, sends them numbered
messages, and reports what they went through: roll-outs, kills, scaling, whatever happens meanwhile.

  node service/cli/load/main.ts --url URL (--secret-file FILE | --token TOKEN) [options]

  --url URL               where clients connect, e.g. http://127.0.0.1:8080
  --secret-file FILE      the service's JWT_SECRET: each client gets a token of its own from it
  --token TOKEN           one token for all, where a secret is not at hand
  --clients N             how many clients [300]
  --transports LIST       what they use; given twice, they take turns [polling,websocket]
  --rooms N               each client is in one room [10]
  --rate N                messages per second and room [10]
  --seconds N             how long, once all are connected; 0: until a signal [60]
  --connects-per-second N new clients per second at the start [100]
  --header "NAME: VALUE"  sent with every request, e.g. "Host: chat.example"; may be repeated
  --forwarded-for         each client claims an address of its own (X-Forwarded-For), for a proxy
                          that places clients by their address and trusts this machine
  --json FILE             also writes the report, with the record of every client
  --help                  this text

Signals: SIGUSR1 begins the measurement anew, SIGUSR2 reports at once, SIGINT and SIGTERM report and
end. Exit code 0: every message arrived once and in order, and every client is connected; else 1.
`;

export class UsageError extends Error {}

export interface CommandLine extends LoadOptions {
  /** 0: until a signal. */
  seconds: number;
  /** Where the report goes, beside the terminal. */
  json?: string;
}

/** `undefined` when it asks for help. @throws UsageError */
export function readCommandLine(args: string[]): CommandLine | undefined {
  const { values } = parse(args);
  if (values.help) return undefined;
  const { url, json } = values;
  if (!url || !/^https?:/.test(url)) throw new UsageError('--url http://... is needed');
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
  if (!file) throw new UsageError('--secret-file or --token is needed');
  const secret = readFileSync(file, 'utf8').trim();
  return (user: string) => mintToken(secret, { sub: user, rooms: ['load-*'] }, tokenSeconds);
}

function atLeast(min: number, name: string, text: string): number {
  const value = Number(text);
  if (text !== '' && value >= min) return value;
  throw new UsageError(`${name} must be a number from ${min} on, not "${text}"`);
}

function transportsOf(text: string): string[] {
  const names = text.split(',');
  if (names.every((name) => ['polling', 'websocket'].includes(name))) return names;
  throw new UsageError(`--transports takes polling and websocket, not "${text}"`);
}

function headerOf(text: string): [string, string] {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError(`--header takes "NAME: VALUE", not "${text}"`);
  }
  return [name, value];
}
