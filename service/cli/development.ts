// Development mode (`make start`): generated keys, ready-made tokens, and loopback only.
import { randomBytes } from 'node:crypto';
import { mintToken } from '../auth/tokens.ts';

const readyMadeSeconds = 86_400;

type Environment = Record<string, string | undefined>;

/** Defaults for a single process without any dependency. */
const development: Environment = {
  HOST: '127.0.0.1',
  PAGE: 'on',
  ENDPOINT_DELAY_MS: '0',
  DRAIN_MS_MAX: '1000',
  LOG_LEVEL: 'warn',
  TRACE: 'on',
};

/** The environment with everything that `--development` adds where nothing is set. */
export function inDevelopment(env: Environment): Environment {
  const isGiven = (name: string) => env[name] || env[`${name}_FILE`] || env.SECRETS_DIR;
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

/** None if another issuer signs the tokens. */
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
  if (lines.length > 0) lines.unshift('Tokens for the test page or any client, valid for one day:');
  const address = `Mooring is running at http://localhost:${port}`;
  const api = [
    `Backend API at http://localhost:${operationsPort}, with the API key:`,
    `  ${apiKey}`,
  ];
  return ['', address, '', ...lines, '', ...api, '', 'Press Ctrl-C to stop.'].join('\n');
}
