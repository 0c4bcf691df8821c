import { describe, expect, it } from 'vitest';
import { all, only, render, scenario } from './render.ts';

const podOf = (values = {}) => only(render(values), 'Deployment', 'mooring').spec.template;

describe('secrets', () => {
  it('are strong and generated for each install', () => {
    const [first, second] = ['one', 'two'].map(
      (namespace) => only(render({}, { namespace }), 'Secret', 'mooring').data,
    );
    expect(Object.keys(first)).toEqual(['api-key', 'jwt-secret']);
    expect(atob(first['jwt-secret'])).toMatch(/^[A-Za-z0-9]{48}$/);
    expect(first['jwt-secret']).not.toBe(second['jwt-secret']);
    expect(first['jwt-secret']).not.toBe(first['api-key']);
  });

  it('reach the service as variables from Secrets', () => {
    const { env } = podOf().spec.containers[0];
    const sources = env.map((one: { name: string; valueFrom?: { secretKeyRef?: object } }) => [
      one.name,
      one.valueFrom?.secretKeyRef,
    ]);
    expect(Object.fromEntries(sources)).toMatchObject({
      JWT_SECRET: { name: 'mooring', key: 'jwt-secret' },
      API_KEY: { name: 'mooring', key: 'api-key', optional: true },
      REDIS_PASSWORD: { name: 'mooring-redis', key: 'redis-password' },
    });
    const names = sources.map(([name]: [string]) => name);
    expect(names.indexOf('REDIS_PASSWORD')).toBeLessThan(names.indexOf('REDIS_URL'));
  });

  it('are not made where they are given', () => {
    const manifests = render(scenario('existing-secrets'));
    expect(all(manifests, 'Secret')).toEqual([]);
    const { env } = podOf(scenario('existing-secrets')).spec.containers[0];
    const secret = env.find(({ name }: { name: string }) => name === 'JWT_SECRET');
    expect(secret.valueFrom.secretKeyRef).toEqual({ name: 'chat-auth', key: 'jwt-secret' });
  });

  it('of tokens are not needed with a key of an issuer', () => {
    for (const name of ['external-redis', 'shared-redis']) {
      const { env } = podOf(scenario(name)).spec.containers[0];
      expect(env.some((one: { name: string }) => one.name === 'JWT_SECRET')).toBe(false);
    }
    const { data } = only(render(scenario('external-redis')), 'ConfigMap', 'mooring');
    expect(data).toMatchObject({ JWT_ALGORITHMS: 'ES256', JWT_AUDIENCE: 'chat' });
    const key = only(render(scenario('shared-redis')), 'ConfigMap', 'mooring').data.JWT_PUBLIC_KEY;
    expect(key).toContain('\nMFkw');
  });
});
