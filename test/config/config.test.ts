import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../service/config/schema.ts';

const secret = 'x'.repeat(32);
const parse = (env: Record<string, string>) => parseConfig({ JWT_SECRET: secret, ...env });
const problemsOf = (env: Record<string, string | undefined>, readFile?: () => string) => {
  try {
    parseConfig(env, readFile);
  } catch (error) {
    return String((error as Error).message);
  }
  return '';
};

describe('configuration', () => {
  it('has the defaults of the contract and cannot be changed', () => {
    const config = parse({});
    expect(config).toMatchObject({
      port: 3000,
      operationsPort: 3001,
      redisMode: 'single',
      recoveryMsMax: 120_000,
      historyMessagesMax: 100,
      workers: 1,
      roomAccess: 'open',
      jwtAlgorithms: ['HS256'],
      corsOrigins: [],
      page: 'off',
    });
    expect(config.redisUrl).toBeUndefined();
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
  });

  it('reports every problem at once, by name and never by value', () => {
    const message = problemsOf({
      JWT_SECRET: 'too-short-secret',
      PORT: 'seventy',
      WORKERS: '2',
      CORS_ORIGINS: 'https://a.example/path',
      LOG_LEVEL: 'loud',
      REDIS_URL: 'http://nowhere',
    });
    for (const name of ['JWT_SECRET', 'PORT', 'CORS_ORIGINS', 'LOG_LEVEL', 'REDIS_URL']) {
      expect(message).toMatch(new RegExp(`^  ${name} must`, 'm'));
    }
    expect(message).not.toMatch(/too-short-secret|seventy|loud|nowhere|a\.example\/path/);
  });

  it('reads headers for the collector and refuses values that no header can have', () => {
    const given = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20a=b, X-Tenant=chat' };
    expect(parse(given).otelExporterOtlpHeaders).toEqual({
      authorization: 'Bearer a=b',
      'x-tenant': 'chat',
    });
    for (const wrong of ['token', 'a=%zz', 'a=%ff', 'a=b%0ac', 'a b=c']) {
      const problem = problemsOf({ JWT_SECRET: secret, OTEL_EXPORTER_OTLP_HEADERS: wrong });
      expect(problem).toContain('OTEL_EXPORTER_OTLP_HEADERS must be name=value');
      expect(problem).not.toContain(wrong);
    }
    const share = (value: string) => ({ JWT_SECRET: secret, OTEL_TRACES_SAMPLER_ARG: value });
    expect(parse(share('0.25')).otelTracesSamplerArg).toBe(0.25);
    expect(problemsOf(share('1.5'))).toContain('OTEL_TRACES_SAMPLER_ARG must be at most 1');
  });

  it('refuses to start without a key and with two keys', () => {
    const sentence = 'Set exactly one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL';
    expect(problemsOf({})).toContain(sentence);
    const two = { JWT_SECRET: secret, JWT_JWKS_URL: 'https://issuer.example/jwks' };
    expect(problemsOf(two)).toContain(sentence);
  });

  it('refuses algorithms that do not match the key, and none', () => {
    expect(problemsOf({ JWT_SECRET: secret, JWT_ALGORITHMS: 'RS256' })).toContain('JWT_ALGORITHMS');
    expect(problemsOf({ JWT_SECRET: secret, JWT_ALGORITHMS: 'none' })).toContain('JWT_ALGORITHMS');
    const keys = { JWT_JWKS_URL: 'https://issuer.example/jwks', JWT_ALGORITHMS: 'HS256' };
    expect(problemsOf(keys)).toContain('JWT_ALGORITHMS must not contain HS256');
  });

  it.each([
    'https://app.example.com',
    'HTTPS://App.Example.com:8443',
    'http://localhost:5173',
    'http://[::1]:3000',
    'capacitor://localhost',
    'tauri://localhost',
    'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'https://*.example.com',
  ])('accepts the origin %s', (origin) => {
    expect(parse({ CORS_ORIGINS: origin }).corsOrigins).toEqual([origin.toLowerCase()]);
  });

  it.each([
    '*',
    'https://*',
    'https://app.example.com/',
    'https://app.example.com:443',
    'https://*.*.example.com',
    'https://app-*.example.com',
    'https://user@example.com',
    'https://münchen.example',
    'app.example.com',
    'null',
  ])('refuses the origin %s, which no browser would send', (origin) => {
    expect(problemsOf({ JWT_SECRET: secret, CORS_ORIGINS: origin })).toContain(
      'CORS_ORIGINS must be origins',
    );
  });

  it('refuses short keys of the backend API, and entries that are incomplete', () => {
    const problem = (env: Record<string, string>) => problemsOf({ JWT_SECRET: secret, ...env });
    expect(problem({ API_KEY: 'x' })).toContain('API_KEY must have at least 16 characters');
    expect(problem({ API_KEY: 'ü'.repeat(16) })).toContain('API_KEY must be printable ASCII');
    const key = 'k'.repeat(16);
    for (const wrong of [`billing:${key}`, `billing:write:${key}`, 'billing:read:short', key]) {
      const message = problem({ API_KEYS: wrong });
      expect(message).toContain('API_KEYS must be entries name:scopes:key');
      expect(message).not.toContain(wrong);
    }
    const twice = `a:read:${key} a:publish:${key}2`;
    expect(problem({ API_KEYS: twice })).toContain('API_KEYS must not repeat a name');
    expect(problem({ API_KEYS: `api_key:read:${key}` })).toContain('must not repeat a name');
    expect(problem({ API_KEYS: `a:read:${key},b:read:${key}` })).toContain('not repeat a key');
    const { apiKeys } = parse({ API_KEYS: `a:publish+read:${key}x,\n b:moderate:${key}:y` });
    expect(apiKeys).toEqual([
      { name: 'a', scopes: ['publish', 'read'], key: `${key}x` },
      { name: 'b', scopes: ['moderate'], key: `${key}:y` },
    ]);
  });

  it('refuses a previous secret without the one that replaces it', () => {
    const env = { JWT_JWKS_URL: 'https://issuer.example/jwks', JWT_SECRET_PREVIOUS: secret };
    expect(problemsOf(env)).toContain('JWT_SECRET_PREVIOUS needs JWT_SECRET');
  });

  it('refuses several workers without Redis', () => {
    expect(problemsOf({ JWT_SECRET: secret, WORKERS: '2' })).toContain(
      'WORKERS other than 1 needs',
    );
    expect(parse({ WORKERS: '0', REDIS_URL: 'redis://r' }).workers).toBeGreaterThan(0);
  });

  it('refuses a pod deletion cost outside of Kubernetes', () => {
    const on = { JWT_SECRET: secret, POD_DELETION_COST: 'on' };
    expect(problemsOf(on)).toContain('POD_DELETION_COST=on needs KUBERNETES_SERVICE_HOST');
    expect(parse({ ...on, KUBERNETES_SERVICE_HOST: '10.96.0.1' })).toMatchObject({
      podDeletionCost: 'on',
      kubernetesServicePort: 443,
    });
  });

  it('accepts one URL of Redis, or several for Sentinels and cluster nodes', () => {
    const several = 'redis://u:a,b@one:1, redis://two:2';
    const both = ['redis://u:a,b@one:1', 'redis://two:2'];
    expect(parse({ REDIS_MODE: 'cluster', REDIS_URL: several }).redisUrl).toEqual(both);
    const config = parse({ REDIS_MODE: 'sentinel', REDIS_URL: several });
    expect([config.redisUrl, config.redisSentinelName]).toEqual([both, 'mymaster']);
    const problem = 'REDIS_URL must be a single URL unless REDIS_MODE is sentinel or cluster';
    expect(problemsOf({ JWT_SECRET: secret, REDIS_URL: several })).toContain(problem);
    const missing = problemsOf({ JWT_SECRET: secret, REDIS_MODE: 'cluster' });
    expect(missing).toContain('REDIS_URL is required with REDIS_MODE=cluster');
  });

  it('reads secrets from files and reports files that cannot be read', () => {
    const fromFile = parseConfig({ JWT_SECRET_FILE: '/run/secret' }, () => `${secret}\n`);
    expect(fromFile.jwtSecret).toBe(secret);
    const missing = problemsOf({ JWT_SECRET_FILE: '/run/secret' }, () => {
      throw new Error('ENOENT');
    });
    expect(missing).toContain('JWT_SECRET_FILE cannot be read');
    const both = problemsOf({ JWT_SECRET: secret, JWT_SECRET_FILE: '/s' }, () => secret);
    expect(both).toContain('both set');
  });

  it('reads every secret from a folder, in which files may be missing', () => {
    const files: Record<string, string> = {
      '/secrets/jwt-secret': `${secret}\n`,
      '/secrets/api-keys': 'billing:publish:0123456789abcdef\nops:read+moderate:fedcba9876543210\n',
    };
    const readFile = (path: string) => {
      if (path in files) return files[path] as string;
      throw Object.assign(new Error(path), { code: 'ENOENT' });
    };
    const config = parseConfig({ SECRETS_DIR: '/secrets' }, readFile);
    expect([config.jwtSecret, config.apiKey]).toEqual([secret, undefined]);
    expect(config.apiKeys.map(({ name }) => name)).toEqual(['billing', 'ops']);
    const twice = problemsOf({ SECRETS_DIR: '/secrets', JWT_SECRET: secret }, readFile as never);
    expect(twice).toContain('JWT_SECRET and jwt-secret in SECRETS_DIR are both set; remove one');
    const denied = problemsOf({ SECRETS_DIR: '/secrets', JWT_SECRET: secret }, () => {
      throw Object.assign(new Error('no'), { code: 'EACCES' });
    });
    expect(denied).toContain('api-key in SECRETS_DIR cannot be read');
  });

  it('adds the password of Redis to its first URL, which has the credentials for all', () => {
    const given = { REDIS_PASSWORD: 'p@ss/%', REDIS_MODE: 'cluster' };
    const urls = 'redis://mooring@one:7000,redis://two:7001';
    const { redisUrl } = parse({ ...given, REDIS_URL: urls });
    expect(redisUrl).toEqual(['redis://mooring:p%40ss%2F%25@one:7000', 'redis://two:7001']);
    const composed = { ...given, REDIS_URL: 'redis://:of-its-own@one:7000' };
    expect(parse(composed).redisUrl).toEqual([composed.REDIS_URL]);
    const alone = problemsOf({ JWT_SECRET: secret, REDIS_PASSWORD: 'p' });
    expect(alone).toContain('REDIS_PASSWORD is set without REDIS_URL');
  });

  it('treats an empty variable as not set', () => {
    expect(parse({ PORT: ' ' }).port).toBe(3000);
    expect(parse({ REDIS_URL: '' }).redisUrl).toBeUndefined();
  });
});
