// The environment variables: one schema, parsed once. An error names every invalid variable, never
// its value.
import { availableParallelism, hostname } from 'node:os';
import { z } from 'zod';
import { apiKey, apiKeys, hmacSecret } from './credentials.ts';
import { crossCheck } from './cross-checks.ts';
import { isOriginPattern } from './origins.ts';
import { isNetwork, usualProxies } from './proxies.ts';
import { choice, count, headers, isPublicKey, list, port, share, url, urls } from './types.ts';
import { type ReadFile, readText, readVariables } from './variables.ts';

/** Variables that can also be read from a file: `NAME_FILE`, or one of `SECRETS_DIR`. */
export const secrets = [
  ...(['REDIS_URL', 'REDIS_PASSWORD', 'REDIS_SENTINEL_PASSWORD'] as const),
  ...(['JWT_SECRET', 'JWT_SECRET_PREVIOUS', 'JWT_PUBLIC_KEY', 'API_KEY', 'API_KEYS'] as const),
  ...(['OTEL_EXPORTER_OTLP_HEADERS'] as const),
];

const algorithms = ['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512'].concat([
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
]);

/** A proxy must wait longer than the two together. */
export const pingIntervalMsDefault = 25_000;
export const pingTimeoutMsDefault = 20_000;

/** One entry per variable, in the order of the documentation. */
export const settings = z.object({
  PORT: port('port for clients: Socket.IO and the test page; 0: any free port', 3000),
  OPERATIONS_PORT: port('port for probes, metrics and the backend API; keep it private', 3001),
  HOST: z.string().min(1).optional().describe('address to listen on; empty: all addresses'),
  POD_NAME: z.string().min(1).default(hostname()).describe('name of this replica'),
  REDIS_URL: urls('URL of Redis, or comma-separated Sentinels or cluster nodes; empty: no Redis', [
    'redis:',
    'rediss:',
  ]),
  REDIS_PASSWORD: z.string().min(1).optional().describe('password of Redis, if REDIS_URL has none'),
  REDIS_MODE: choice('Redis topology', ['single', 'sentinel', 'cluster']),
  REDIS_SENTINEL_NAME: z
    .string()
    .min(1)
    .default('mymaster')
    .describe('name of the master that the Sentinels monitor'),
  REDIS_SENTINEL_PASSWORD: z.string().min(1).optional().describe('password of the Sentinels'),
  REDIS_PREFIX: z
    .string()
    .regex(/^[\w.:-]{1,120}$/, 'must be 1 to 120 letters, digits or any of _ - . :')
    .default('mooring')
    .describe('prefix of all keys and channels; installations that share a Redis each need one'),
  INSTALLATION: z
    .string()
    .max(200, 'must have at most 200 characters')
    .default('')
    .describe('name of this installation; no other one may use the same Redis and prefix'),
  BRIDGE_KEY: z
    .string()
    .min(1)
    .optional()
    .describe(
      'key of servers with @socket.io/redis-adapter on this Redis; they get all messages, too',
    ),
  JWT_SECRET: hmacSecret('HMAC secret that verifies tokens, at least 32 bytes'),
  JWT_SECRET_PREVIOUS: hmacSecret(
    'another secret that verifies tokens, while JWT_SECRET is rotated',
  ),
  JWT_PUBLIC_KEY: z
    .string()
    .refine(isPublicKey, 'must be a PEM public key, RSA, EC or Ed25519')
    .optional()
    .describe('PEM public key that verifies tokens, instead of a secret'),
  JWT_JWKS_URL: url('URL of a JSON Web Key Set that verifies tokens, instead of a secret', [
    'https:',
    'http:',
  ]),
  JWT_ISSUER: z.string().min(1).optional().describe('required `iss` of the tokens'),
  JWT_AUDIENCE: z.string().min(1).optional().describe('required `aud` of the tokens'),
  JWT_ALGORITHMS: list(
    'accepted algorithms; empty: HS256 with a secret, RS256, ES256 and EdDSA with keys',
  ).refine(
    (names) => names.every((name) => algorithms.includes(name)),
    `must be a list of ${algorithms.join(', ')}`,
  ),
  JWT_CLOCK_TOLERANCE_MS: count(
    'how far `nbf` and `iat` of a token may be ahead of the clock, in ms',
    5_000,
    0,
  ),
  JWT_LIFETIME_MS_MAX: count(
    'tokens whose `exp` is further ahead are refused, in ms; revocations are kept as long',
    31_536_000_000,
    1_000,
    315_360_000_000,
  ),
  SECRETS_DIR: z
    .string()
    .min(1)
    .optional()
    .describe('folder of secrets, one file for each, such as `jwt-secret`'),
  CORS_ORIGINS: list('')
    .transform((origins) => origins.map((origin) => origin.toLowerCase()))
    .refine(
      (origins) => origins.every(isOriginPattern),
      'must be origins such as https://app.example.com, capacitor://localhost or ' +
        'https://*.example.com (any one label), without path and default port, separated by commas',
    )
    .describe('origins of web pages that may connect; empty: the same origin only'),
  API_KEY: apiKey('bearer key of the backend API, with every scope; no key: the API answers 403'),
  API_KEYS: apiKeys(
    'more keys as `name:scope+scope:key`, comma-separated; scopes: publish, read, moderate',
  ),
  PING_INTERVAL_MS: count(
    'how often a client gets a ping, in ms; proxies must wait longer than this and PING_TIMEOUT_MS',
    pingIntervalMsDefault,
    1_000,
    300_000,
  ),
  PING_TIMEOUT_MS: count(
    'how long a client may take to answer a ping before its connection is closed, in ms',
    pingTimeoutMsDefault,
    1_000,
    300_000,
  ),
  RECOVERY_MS_MAX: count('how long a lost connection can be recovered, in ms; 0: off', 120_000, 0),
  HISTORY_MESSAGES_MAX: count(
    'maximum number of messages in the history of a room',
    100,
    1,
    100_000,
  ),
  HISTORY_BYTES_MAX: count(
    'maximum size of the history of a room in Redis, in bytes; the oldest messages go first',
    4_194_304,
    65_536,
  ),
  HISTORY_MS_MAX: count('how long a message stays in the history, in ms', 86_400_000),
  PRESENCE_EVENTS_MEMBERS_MAX: count(
    'members of a room up to which each join and leave is an event; above, one diff per second',
    400,
    0,
    1_000,
  ),
  LAST_SEEN_MS_MAX: count(
    'how long it is known when a user was last connected in a room, in ms; 0: not at all',
    86_400_000,
    0,
  ),
  ROOM_ACCESS: choice('who may join a room', ['open', 'claims', 'webhook']),
  ROOM_ACCESS_URL: url('webhook that decides who may join a room, for ROOM_ACCESS=webhook', [
    'https:',
    'http:',
  ]),
  ROOM_ACCESS_MS_MAX: count(
    'how long a grant of the webhook lasts before it is asked again, in ms',
    300_000,
    1_000,
  ),
  WORKERS: count('processes per replica; 0: one per core; more than 1 needs REDIS_URL', 1, 0, 256),
  DRAIN_MS_MAX: count('time over which connections are closed at shutdown, in ms', 12_000, 0),
  ENDPOINT_DELAY_MS: count(
    'how long a shutdown waits for proxies to notice it before closing connections, in ms',
    5_000,
    0,
  ),
  SETTLE_MS: count('how long a replica is ready before others send it clients, in ms', 6_000, 0),
  BEHIND_MS_MAX: count(
    'how long a replica may receive no messages while others do before its clients move, in ms',
    30_000,
  ),
  RELEASE: z
    .string()
    .regex(/^[\w.:-]*$/, 'must be letters, digits or any of _ - . :')
    .default('')
    .describe('release, such as the pod-template-hash; older releases yield clients to newer ones'),
  YIELD_TO_NEWER: choice(
    'whether older releases send clients to newer ones, once those can replace them all',
    ['on', 'off'],
  ),
  REBALANCE: choice('whether to move connections to replicas that have fewer', ['on', 'off']),
  POD_DELETION_COST: choice(
    'whether a scale-down on Kubernetes removes the pod with the fewest connections',
    ['off', 'on'],
  ),
  KUBERNETES_SERVICE_HOST: z.string().min(1).optional().describe('set by Kubernetes in every pod'),
  KUBERNETES_SERVICE_PORT: port('set by Kubernetes in every pod', 443),
  HANDSHAKES_PER_SECOND_MAX: count('handshakes per second; others go to replicas with room', 1_000),
  CONNECTIONS_MAX: count(
    'authenticated connections per process; beyond that, handshakes get 503',
    10_000,
  ),
  UNAUTHENTICATED_MAX: count(
    'connections per process without a verified token; beyond that, the oldest are closed',
    5_000,
  ),
  UNAUTHENTICATED_MS_MAX: count(
    'how long a connection may have no verified token before it is closed, in ms',
    10_000,
    100,
  ),
  CONNECTIONS_PER_USER_MAX: count('connections of a user to a namespace, per process', 1_000),
  TRUSTED_PROXIES: list(
    'addresses and networks of proxies whose X-Forwarded-For tells the address of the client; ' +
      'limits per address do not apply to the proxies themselves',
    usualProxies,
  ).refine(
    (networks) => networks.every(isNetwork),
    'must be addresses or networks such as 10.0.0.0/8, separated by commas',
  ),
  CONNECTIONS_PER_ADDRESS_MAX: count(
    'connections of a client address (IPv6: a /64) and process; beyond that, handshakes get 429',
    1_000,
  ),
  HANDSHAKES_PER_SECOND_PER_ADDRESS_MAX: count(
    "handshakes per second of a client address and process; a burst holds five seconds' worth",
    100,
  ),
  PUBLISHES_PER_SECOND_MAX: count(
    "publishes per second of an API key and process; a burst holds five seconds' worth",
    10_000,
  ),
  OVERLOAD_LAG_MS_MAX: count(
    'mean delay of the event loop above which new clients get 503, and connections close, in ms',
    500,
    10,
  ),
  OVERLOAD_MEMORY_SHARE_MAX: share(
    'the same for the share of the heap or of the memory of the container, from 0 to 1',
    0.9,
  ),
  MESSAGE_BYTES_MAX: count('maximum size of a message from a client, in bytes', 131_072, 1_024),
  MESSAGE_BYTES_PER_USER_MAX: count(
    'bytes of messages of a user per hour, per process; beyond that, they are rate_limited',
    67_108_864,
    1_024,
  ),
  ROOMS_PER_SOCKET_MAX: count('maximum number of rooms per socket', 100),
  EVENTS_PER_SECOND_MAX: count(
    "events per second per socket; a burst may hold five seconds' worth",
    100,
  ),
  PACKETS_PER_SECOND_MAX: count(
    "packets per second per connection, of any kind; a burst may hold five seconds' worth",
    1_000,
  ),
  BYTES_PER_SECOND_MAX: count(
    "bytes per second per connection; a burst may hold five seconds' worth, and one message",
    1_048_576,
    1_024,
  ),
  LOG_LEVEL: choice('minimum log level', ['info', 'debug', 'warn', 'error', 'silent']),
  OTEL_EXPORTER_OTLP_ENDPOINT: url(
    'URL of an OpenTelemetry collector (OTLP/HTTP); empty: no traces',
    ['http:', 'https:'],
  ),
  OTEL_EXPORTER_OTLP_HEADERS: headers(
    'headers for the collector, such as authorization=Bearer%20x',
  ),
  OTEL_SERVICE_NAME: z.string().min(1).default('mooring').describe('service name in traces'),
  OTEL_TRACES_SAMPLER_ARG: share(
    'share of publishes to trace when the caller sends no trace, from 0 to 1',
    1,
  ),
  TRACE: choice('whether `mooring trace` may follow individual users (docs/guides/trace.md)', [
    'off',
    'on',
  ]),
  PAGE: choice('whether to serve the test page on PORT', ['off', 'on']),
  APPLICATION: z
    .string()
    .min(1)
    .optional()
    .describe('path of a module that replaces the built-in application'),
});

type Settings = z.infer<typeof settings>;
type CamelCase<T extends string> = T extends `${infer A}_${infer B}`
  ? `${Lowercase<A>}${Capitalize<CamelCase<B>>}`
  : Lowercase<T>;
export type Config = Readonly<{ [K in keyof Settings as CamelCase<K>]: Settings[K] }>;

/** Thrown by `parseConfig`; the message lists every problem, one per line. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * Turns environment variables into the frozen configuration.
 * @throws {ConfigError} that names every missing or invalid variable
 */
export function parseConfig(
  env: Record<string, string | undefined>,
  readFile: ReadFile = readText,
): Config {
  const problems: string[] = [];
  const given = readVariables(env, readFile, problems, {
    names: Object.keys(settings.shape),
    secrets,
  });
  const parsed = settings.safeParse(given);
  for (const issue of parsed.error?.issues ?? []) {
    problems.push(`${issue.path.join('.')} ${issue.message}`);
  }
  const values = parsed.data;
  problems.push(...crossCheck(given));
  if (!values || problems.length > 0) {
    throw new ConfigError(['Invalid configuration:', ...problems].join('\n  '));
  }
  if (values.REDIS_URL) values.REDIS_URL = withPassword(values.REDIS_URL, values.REDIS_PASSWORD);
  if (values.WORKERS === 0) values.WORKERS = availableParallelism();
  if (values.JWT_ALGORITHMS.length === 0) {
    values.JWT_ALGORITHMS = values.JWT_SECRET ? ['HS256'] : ['RS256', 'ES256', 'EdDSA'];
  }
  const entries = Object.entries(values).map(([name, value]) => [camelCase(name), value]);
  return Object.freeze(Object.fromEntries(entries));
}

/** The first URL has the credentials for all, and may contain the password already. */
function withPassword([first = '', ...others]: string[], password: string | undefined): string[] {
  const url = new URL(first);
  if (!password || url.password) return [first, ...others];
  url.password = encodeURIComponent(password);
  return [url.href, ...others];
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
