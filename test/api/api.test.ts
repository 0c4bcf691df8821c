// Queries of backends, in memory and on two replicas with Redis.
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 as Ajv } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import type { describeApi } from '../../service/api/openapi.ts';
import { deployments, get, post } from '../harness/backend.ts';
import { connected, startApp } from '../harness/service.ts';

describe.each(deployments)('the backend API %s', (_, start) => {
  it('returns the members and the history of a room', async () => {
    const [one, two] = await start();
    const alice = await connected(one.connect('alice'));
    const bob = await connected(two.connect('bob'));
    for (const client of [alice, bob]) await client.emitWithAck('join_room', 'a:b@c');
    const texts = ['first', 'second', 'third'];
    const sent = [];
    for (const text of texts) {
      sent.push((await alice.emitWithAck('send_message', { roomId: 'a:b@c', text })).message);
    }
    const room = `rooms/${encodeURIComponent('a:b@c')}`;
    const presence = await get(two.operationsUrl, `${room}/presence`);
    expect(presence).toEqual({
      status: 200,
      body: { roomId: 'a:b@c', members: expect.arrayContaining(['alice', 'bob']) },
    });
    expect((await get(two.operationsUrl, `${room}/history`)).body).toEqual({
      roomId: 'a:b@c',
      messages: sent,
      more: false,
    });
    const page = await get(one.operationsUrl, `${room}/history?limit=1&before=${sent[2].id}`);
    expect(page.body).toMatchObject({ messages: [{ text: 'second' }], more: true });
    const none = await get(one.operationsUrl, `${room}/history?before=${sent[0].at}`);
    expect(none.body).toMatchObject({ messages: [], more: false });
    const empty = await get(one.operationsUrl, 'rooms/nowhere/presence');
    expect(empty.body).toEqual({ roomId: 'nowhere', members: [] });
  });

  it('returns whether a user is online, and where', async () => {
    const [one, two] = await start();
    const first = await connected(one.connect('alice'));
    const second = await connected(two.connect('alice'));
    await second.emitWithAck('join_room', 'lobby');
    const { body } = await get(one.operationsUrl, 'users/alice');
    expect(body).toMatchObject({ userId: 'alice', online: true });
    expect(body.sockets).toHaveLength(2);
    expect(body.sockets).toContainEqual({ id: first.id, rooms: [] });
    expect(body.sockets).toContainEqual({ id: second.id, rooms: ['lobby'] });
    const nobody = await get(two.operationsUrl, 'users/nobody');
    expect(nobody.body).toEqual({ userId: 'nobody', online: false, sockets: [] });
  });

  it.each([
    ['disconnect', {}, '/users'],
    ['disconnect', { users: [] }, '/users'],
    ['disconnect', { users: ['a\nb'] }, '/users/0'],
    ['disconnect', { everyone: true }, '/'],
    ['revoke', {}, '/userId'],
    ['revoke', { userId: 'alice', before: 'yesterday' }, '/before'],
  ])('refuses %s of %j with a pointer to it', async (path, body, pointer) => {
    const { operationsUrl } = await startApp();
    const answer = await post(operationsUrl, path, body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error) => error.pointer)).toContain(pointer);
  });

  it.each([
    ['rooms/a%20b/presence', 400],
    ['rooms/%E0%A4%A/presence', 400],
    ['rooms/lobby/history?limit=0', 400],
    ['rooms/lobby/history?limit=many', 400],
    ['rooms/lobby/history?after=1', 400],
    ['users/a%0Ab', 400],
    ['users/%zz', 400],
    ['rooms/lobby', 404],
  ])('answers %s with %i', async (path, status) => {
    const { operationsUrl } = await startApp();
    expect(await get(operationsUrl, path)).toMatchObject({ status, body: { status } });
  });
});

interface Operation {
  requestBody: { content: { 'application/json': { schema: object } } };
}

describe('GET /openapi.json', () => {
  it('is OpenAPI 3.1 and names every route', async () => {
    const { operationsUrl } = await startApp();
    const response = await fetch(`${operationsUrl}/openapi.json`);
    const description = (await response.json()) as ReturnType<typeof describeApi>;
    const verdict = await new Validator().validate(structuredClone(description));
    expect(verdict).toEqual({ valid: true });
    expect(description.openapi).toMatch(/^3\.1\./);
    expect(Object.keys(description.paths)).toEqual([
      '/v1/publish',
      '/v1/publish/batch',
      '/v1/disconnect',
      '/v1/revoke',
      '/v1/rooms/{roomId}/presence',
      '/v1/rooms/{roomId}/members',
      '/v1/rooms/{roomId}/history',
      '/v1/users/{userId}',
      '/v1/pods',
      '/v1/traces',
      '/v1/traces/{traceId}',
    ]);
    expect(description.paths['/v1/rooms/{roomId}/history']?.get).toMatchObject({
      operationId: 'getRoomsHistory',
      parameters: [
        { name: 'roomId', in: 'path', required: true, schema: { pattern: expect.any(String) } },
        { name: 'before', in: 'query', required: false, schema: { type: 'string' } },
        { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1000 } },
      ],
    });
    expect(description.paths['/v1/revoke']?.post).toMatchObject({
      security: [{ apiKey: ['moderate'] }],
    });
  });

  it.each([
    ['publish', {}],
    ['publish', { event: 'x', data: 1 }],
    ['publish', { users: ['a'], event: 'x' }],
    ['publish', { users: [], event: 'x', data: 1 }],
    ['publish', { users: ['a'], event: 'disconnect', data: 1 }],
    ['publish', { everyone: true, rooms: ['a'], event: 'x', data: 1 }],
    ['publish', { everyone: false, event: 'x', data: 1 }],
    ['publish', { rooms: ['a b'], event: 'x', data: 1 }],
    ['publish', { users: ['a\nb'], event: 'x', data: 1 }],
    ['publish', { users: ['a b'], rooms: ['a'], event: 'x', data: null }],
    ['publish', { everyone: true, event: 'x', data: [1] }],
    ['publish/batch', {}],
    ['publish/batch', { messages: [] }],
    ['publish/batch', { messages: [{ users: ['a'], event: 'x', data: 1 }] }],
    ['publish/batch', { messages: [{ users: ['a'], event: 'x' }] }],
    ['disconnect', {}],
    ['disconnect', { users: ['a'] }],
    ['disconnect', { sockets: [''] }],
    ['disconnect', { sockets: ['a'], users: [] }],
    ['revoke', {}],
    ['revoke', { userId: 'alice', before: -1 }],
    ['revoke', { userId: 'alice', before: 1 }],
    ['traces', {}],
    ['traces', { userId: 'alice', more: 1 }],
  ])('says of %s %j what the service says', async (path, body) => {
    const { operationsUrl } = await startApp({ TRACE: 'on' });
    const response = await fetch(`${operationsUrl}/openapi.json`);
    const { paths } = (await response.json()) as { paths: Record<string, never> };
    const { post: operation } = paths[`/v1/${path}`] as unknown as { post: Operation };
    const { schema } = operation.requestBody.content['application/json'];
    const isValid = new Ajv({ strict: false }).validate(schema, body);
    const answer = await post(operationsUrl, path, body);
    expect([isValid, answer.status]).toEqual(isValid ? [true, 202] : [false, 400]);
  });
});
