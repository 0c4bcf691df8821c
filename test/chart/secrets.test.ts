import { describe, expect, it } from 'vitest';
import { secrets } from '../../service/config/schema.ts';
import { fileNameOf } from '../../service/config/variables.ts';
import { all, filesIn, only, pods, render, scenario, scenarios } from './render.ts';

const secretFiles = secrets.map(fileNameOf);

const podOf = (values = {}) => only(render(values), 'Deployment', 'mooring').spec.template;
const filesOf = (values = {}) => filesIn(podOf(values).spec);

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

  it('reach the service as files that it follows, and nobody as variables', () => {
    const { env, volumeMounts } = podOf().spec.containers[0];
    const { value: folder } = env.find(({ name }: { name: string }) => name === 'SECRETS_DIR');
    expect(volumeMounts).toEqual([{ name: 'secrets', mountPath: folder, readOnly: true }]);
    expect(filesOf()).toEqual({
      'jwt-secret': 'mooring jwt-secret',
      'jwt-secret-previous': 'mooring jwt-secret-previous optional',
      'api-key': 'mooring api-key optional',
      'api-keys': 'mooring api-keys optional',
      'redis-password': 'mooring-redis redis-password',
    });
    for (const file of Object.keys(filesOf())) expect(secretFiles).toContain(file);
    const { data } = only(render(), 'ConfigMap', 'mooring');
    expect(data.REDIS_URL).toBe('redis://mooring-redis:6379');
    for (const { spec } of scenarios.flatMap((name) => pods(render(scenario(name))))) {
      const { containers } = spec;
      const ours = containers.filter(({ name }: { name: string }) => name !== 'exporter');
      expect(JSON.stringify(ours)).not.toContain('secretKeyRef');
    }
  });

  it('are not made where they are given', () => {
    const manifests = render(scenario('existing-secrets'));
    expect(all(manifests, 'Secret')).toEqual([]);
    const files = filesOf(scenario('existing-secrets'));
    expect(files['jwt-secret']).toBe('chat-auth jwt-secret');
  });

  it('of tokens are not needed with a key of an issuer', () => {
    for (const name of ['external-redis', 'shared-redis']) {
      expect(Object.keys(filesOf(scenario(name)))).toEqual(['api-key', 'api-keys', 'redis-url']);
    }
    const { data } = only(render(scenario('external-redis')), 'ConfigMap', 'mooring');
    expect(data).toMatchObject({ JWT_ALGORITHMS: 'ES256', JWT_AUDIENCE: 'chat' });
    const key = only(render(scenario('shared-redis')), 'ConfigMap', 'mooring').data.JWT_PUBLIC_KEY;
    expect(key).toContain('\nMFkw');
  });
});
