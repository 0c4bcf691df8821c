// Follows the secrets that files hold, such as a mounted Secret of Kubernetes: they are rotated
// while the service runs.
import type { Config } from './schema.ts';

const pollMs = 2_000; // a watch would miss how Kubernetes swaps the folder of a volume

/** What takes effect without a restart. */
const followed = {
  jwtSecret: 'JWT_SECRET',
  jwtSecretPrevious: 'JWT_SECRET_PREVIOUS',
  jwtPublicKey: 'JWT_PUBLIC_KEY',
  apiKey: 'API_KEY',
  apiKeys: 'API_KEYS',
  redisUrl: 'REDIS_URL', // with the password
  redisPassword: 'REDIS_PASSWORD',
  redisSentinelPassword: 'REDIS_SENTINEL_PASSWORD',
} as const satisfies Partial<Record<keyof Config, string>>;

interface Events {
  /** @param names of the variables whose values changed */
  changed(names: string[]): void;
  /** The files cannot be used. The values from before stay. Called once per cause. */
  failed(error: unknown): void;
}

/**
 * @param reread reads the configuration again; if omitted, no file holds a value
 * @returns `current`, the configuration with the secrets of now: the same object until one changes
 */
export function followSecrets(
  config: Config,
  reread: (() => Config) | undefined,
  { changed, failed }: Events,
): { current(): Config; close(): void } {
  let current = config;
  let problem = '';
  const poll = (read: () => Config) => {
    try {
      const fresh = read();
      problem = '';
      const fields = Object.keys(followed) as (keyof typeof followed)[];
      const different = fields.filter((field) => !isSame(fresh[field], current[field]));
      if (different.length === 0) return;
      const values = different.map((field) => [field, fresh[field]]);
      current = Object.freeze({ ...current, ...Object.fromEntries(values) });
      changed(different.map((field) => followed[field]));
    } catch (error) {
      if (String(error) !== problem) failed(error);
      problem = String(error);
    }
  };
  const timer = reread && setInterval(poll, pollMs, reread);
  return { current: () => current, close: () => clearInterval(timer) };
}

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);
