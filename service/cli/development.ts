// What `make start` adds: keys, tokens to sign in with, and an address on loopback only.
import { randomBytes } from 'node:crypto';
import { mintToken } from '../auth/tokens.ts';

const readyMadeSeconds = 86_400;

type Environment = Record<string, string | undefined>;

/** One process on loopback that needs nothing: what `make start` runs. */
const development: Environment = {
  HOST: '127.0.0.1',
  PAGE: 'on',
  ENDPOINT_DELAY_MS: '0',
  DRAIN_MS_MAX: '1000',
  LOG_LEVEL: 'warn',
  TRACE: 'on',
};

/** What `--development` adds to the environment: everything that is not given. */
export function inDevelopment(env: Environment): Environment {
  const isGiven = (name: string) => env[name] || env[`${name}_FILE`];
  const made = {
    ...(!['JWT_SECRET', 'JWT_PUBLIC_KEY', 'JWT_JWKS_URL'].some(isGiven) && { JWT_SECRET: key() }),
    ...(!isGiven('API_KEY') && { API_KEY: key() }),
  };
  const given = Object.entries(env).filter(([, value]) => value);
  return { ...development, ...made, ...Object.fromEntries(given) };
}

const key = () => randomBytes(32).toString('base64url');

const readyMadeUsers = [
  { userId: 'alice', role: 'user' },
  { userId: 'bob', role: 'user' },
  { userId: 'admin', role: 'admin' },
];

/** None where tokens are signed by somebody else's key. */
export function readyMadeTokens(jwtSecret: string | undefined) {
  if (!jwtSecret) return [];
  return readyMadeUsers.map(({ userId, role }) => ({
    userId,
    role,
    token: mintToken(jwtSecret, { sub: userId, role }, readyMadeSeconds),
  }));
}

interface Welcome {
  port: number;
  operationsPort: number;
  apiKey?: string | undefined;
  tokens: ReturnType<typeof readyMadeTokens>;
}

export function welcomeText({ port, operationsPort, apiKey, tokens }: Welcome): string {
  const lines = tokens.map(({ userId, token }) => `  ${userId.padEnd(6)} ${token}`);
  if (lines.length > 0) lines.unshift('Tokens for a day, for the page or any client:');
  const address = `Mooring is up:  http://localhost:${port}`;
  const api = [
    `The API of back ends is on http://localhost:${operationsPort}, its key:`,
    `  ${apiKey}`,
  ];
  return ['', address, '', ...lines, '', ...api, '', 'Ctrl-C stops it.'].join('\n');
}
