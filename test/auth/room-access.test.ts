import { describe, expect, it } from 'vitest';
import { claims } from '../../service/auth/room-access.ts';
import { connected, startApp } from '../harness/service.ts';
import { startWebhook } from '../harness/webhook.ts';

async function withWebhook() {
  const webhook = await startWebhook();
  const service = await startApp({ ROOM_ACCESS: 'webhook', ROOM_ACCESS_URL: webhook.url });
  const client = await connected(service.connect({ sub: 'alice', role: 'user' }));
  const join = async (room: string) => {
    const reply = await client.emitWithAck('join_room', room);
    return reply.ok ? 'ok' : `${reply.error.code} ${reply.error.retryable}`;
  };
  return { webhook, join };
}

describe('room access by claims', () => {
  it.each([
    [['lobby'], 'lobby', true],
    [['lobby'], 'lobby2', false],
    [['team-*'], 'team-a', true],
    [['team-*'], 'team', false],
    [['*'], 'anything', true],
    [['a*b*c'], 'a-b-c', true],
    [['a*b*c'], 'a-c-b', false],
    [['ab*ba'], 'aba', false],
    [['x', '*-public'], 'news-public', true],
    [[], 'lobby', false],
  ])('of %j to room %s is %s', (rooms, room, allowed) => {
    expect(claims({ id: 'alice', rooms }, room)).toBe(allowed);
  });

  it('is taken from the token when a room is joined', async () => {
    const service = await startApp({ ROOM_ACCESS: 'claims' });
    const client = await connected(service.connect({ sub: 'alice', rooms: ['team-*'] }));
    expect(await client.emitWithAck('join_room', 'team-a')).toMatchObject({ ok: true });
    const denied = await client.emitWithAck('join_room', 'board');
    expect(denied.error).toMatchObject({ code: 'access_denied', message: 'Access denied' });
  });
});

describe('room access by webhook', () => {
  it('asks with user, role and room, and remembers the answer for a while', async () => {
    const { webhook, join } = await withWebhook();
    expect(await join('a')).toBe('ok');
    expect(await join('a')).toBe('ok');
    expect(webhook.asked).toEqual([{ userId: 'alice', role: 'user', roomId: 'a' }]);
  });

  it('denies on 4xx and on allowed: false', async () => {
    const { webhook, join } = await withWebhook();
    webhook.status = 403;
    expect(await join('a')).toBe('access_denied false');
    webhook.status = 200;
    webhook.body = '{"allowed":false}';
    expect(await join('b')).toBe('access_denied false');
    webhook.body = '{"allowed":true}';
    expect(await join('c')).toBe('ok');
  });

  it('lets nobody in when it fails, answers nonsense or is silent; all may retry', async () => {
    const { webhook, join } = await withWebhook();
    webhook.status = 500;
    expect(await join('a')).toBe('unavailable true');
    webhook.status = 200;
    webhook.body = 'not JSON';
    expect(await join('a')).toBe('unavailable true');
    webhook.silent = true;
    expect(await join('a')).toBe('unavailable true');
    webhook.silent = false;
    webhook.body = '';
    expect(await join('a')).toBe('ok'); // a failure is not remembered
  });
});
