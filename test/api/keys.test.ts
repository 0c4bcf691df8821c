// API keys: who may call what, and what the log and the metrics show of it.
import { describe, expect, it } from 'vitest';
import { apiKey, connected, samples, startApp } from '../harness/service.ts';

const keys = {
  billing: 'key-of-billing-0123456789',
  dashboard: 'key-of-dashboard-0123456789',
  moderation: 'key-of-moderation-0123456789',
};

const env = {
  LOG_LEVEL: 'info',
  API_KEYS: [
    `billing:publish:${keys.billing}`,
    `dashboard:read:${keys.dashboard}`,
    `moderation:read+moderate:${keys.moderation}`,
  ].join(','),
};

const calls = [
  ['publish', 'POST', 'publish', { users: ['alice'], event: 'paid', data: { secret: 'text' } }],
  ['read', 'GET', 'rooms/lobby/presence', undefined],
  ['read', 'GET', 'rooms/lobby/history', undefined],
  ['read', 'GET', 'users/alice', undefined],
  ['read', 'GET', 'pods', undefined],
  ['moderate', 'POST', 'disconnect', { users: ['alice'] }],
  ['moderate', 'POST', 'revoke', { userId: 'alice' }],
  ['moderate', 'POST', 'traces', { userId: 'alice' }],
] as const;

const call = (url: string, method: string, path: string, body?: object, key?: string) =>
  fetch(`${url}/v1/${path}`, {
    method,
    ...(key !== undefined && { headers: { Authorization: `Bearer ${key}` } }),
    ...(body && { body: JSON.stringify(body) }),
  });

describe('an API key', () => {
  it.each(calls)('needs the scope %s for %s %s', async (scope, method, path, body) => {
    const { operationsUrl } = await startApp({ ...env, TRACE: 'on' });
    const answers = await Promise.all(
      [...Object.values(keys), apiKey].map((key) => call(operationsUrl, method, path, body, key)),
    );
    const allowed = {
      publish: [true, false, false, true],
      read: [false, true, true, true],
      moderate: [false, false, true, true],
    }[scope];
    expect(answers.map(({ ok }) => ok)).toEqual(allowed);
    for (const answer of answers.filter(({ ok }) => !ok)) {
      expect(answer.status).toBe(403);
      expect(answer.headers.get('www-authenticate')).toBe(
        `Bearer realm="mooring", error="insufficient_scope", scope="${scope}"`,
      );
      expect(await answer.json()).toMatchObject({ code: 'insufficient_scope' });
    }
  });

  it('that is missing or wrong gets a challenge', async () => {
    const { operationsUrl } = await startApp(env);
    const none = await call(operationsUrl, 'GET', 'pods');
    expect([none.status, none.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="mooring"',
    ]);
    const wrong = await call(operationsUrl, 'GET', 'pods', undefined, `${keys.dashboard}x`);
    expect([wrong.status, wrong.headers.get('www-authenticate')]).toEqual([
      401,
      'Bearer realm="mooring", error="invalid_token"',
    ]);
  });

  it('leaves one audit line for each call that changes something, with its name', async () => {
    const { operationsUrl, logged, connect } = await startApp({ ...env, TRACE: 'on' });
    await connected(connect('alice'));
    for (const [, method, path, body] of calls) {
      const answer = await call(operationsUrl, method, path, body, apiKey);
      expect(answer.ok).toBe(true);
    }
    await call(operationsUrl, 'POST', 'revoke', { userId: 'bob' }, keys.moderation);
    await call(operationsUrl, 'POST', 'revoke', { userId: 7 }, keys.moderation);
    const audited = logged.filter(({ audit }) => audit === true);
    expect(audited).toMatchObject([
      {
        apiKey: 'api_key',
        path: '/v1/publish',
        status: 202,
        changes: { event: 'paid', users: ['alice'], targets: 1 },
      },
      { apiKey: 'api_key', path: '/v1/disconnect', changes: { users: ['alice'] } },
      { apiKey: 'api_key', path: '/v1/revoke', changes: { userId: 'alice' } },
      { apiKey: 'api_key', path: '/v1/traces', changes: { userId: 'alice' } },
      { apiKey: 'moderation', path: '/v1/revoke', changes: { userId: 'bob' } },
    ]);
    for (const line of audited) expect(line).toHaveProperty('requestId');
    const text = JSON.stringify(logged);
    for (const value of [apiKey, ...Object.values(keys), 'secret']) {
      expect(text).not.toContain(value);
    }
  });

  it('is counted by name', async () => {
    const { operationsUrl } = await startApp(env);
    await call(operationsUrl, 'GET', 'pods', undefined, keys.dashboard);
    await call(operationsUrl, 'POST', 'revoke', { userId: 'bob' }, keys.dashboard);
    await call(operationsUrl, 'GET', 'pods', undefined, 'wrong');
    expect(await samples(operationsUrl, 'api_requests_total')).toEqual({
      'key="dashboard",status="200"': 1,
      'key="dashboard",status="403"': 1,
      'key="none",status="401"': 1,
    });
  });

  it('that is wrong fills no log', async () => {
    const { operationsUrl, logged } = await startApp({ ...env, LOG_LEVEL: 'warn' });
    for (let i = 0; i < 100; i += 1) await call(operationsUrl, 'GET', 'pods', undefined, 'wrong');
    const lines = logged.filter(({ status }) => status === 401);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(50);
  });
});
