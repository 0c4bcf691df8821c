// The users of common issuers, in everything that names them.
import { describe, expect, it } from 'vitest';
import { mintToken } from '../../service/auth/tokens.ts';
import { deployments, get, post } from '../harness/backend.ts';
import { connected, next, secret } from '../harness/service.ts';

const users = [
  'google-oauth2|108204268033311374519',
  'alice+chat@example.com',
  'spiffe://example.org/ns/chat',
  'CN=Müller\\, Jörg,OU=Users,DC=example',
  'YWxpY2U+Ym9iPz8/==',
  'https://issuer.example/users/1?a=%20{x}#y',
];

describe.each(deployments)('users of common issuers %s', (_, start) => {
  it.each(users)('%s joins, sends, is listed, reached, closed and revoked', async (sub) => {
    const [one, two] = await start();
    const client = await connected(one.connect(sub));
    const bob = await connected(two.connect('bob'));
    await bob.emitWithAck('join_room', 'lobby');
    const announced = next(bob, 'user_joined');
    const joined = await client.emitWithAck('join_room', 'lobby');
    expect(joined.members).toContain(sub);
    expect((await announced)[0]).toEqual({ roomId: 'lobby', userId: sub });
    const message = next(bob, 'new_message');
    await client.emitWithAck('send_message', { roomId: 'lobby', text: 'hello', id: 'm' });
    expect((await message)[0]).toMatchObject({ userId: sub });
    const path = `users/${encodeURIComponent(sub)}`;
    expect((await get(two.operationsUrl, path)).body).toMatchObject({ userId: sub, online: true });
    const presence = await get(two.operationsUrl, 'rooms/lobby/presence');
    expect(presence.body).toMatchObject({ members: expect.arrayContaining([sub]) });
    const note = next(client, 'note');
    await post(two.operationsUrl, 'publish', { users: [sub], event: 'note', data: 1 });
    expect((await note)[0]).toBe(1);
    const left = next(bob, 'user_left');
    const gone = next(client, 'disconnect');
    await post(two.operationsUrl, 'disconnect', { users: [sub] });
    expect((await gone)[0]).toBe('io server disconnect');
    expect((await left)[0]).toEqual({ roomId: 'lobby', userId: sub });
    await post(two.operationsUrl, 'revoke', { userId: sub });
    const refused = next(client, 'connect_error');
    client.connect();
    const [error] = await refused;
    expect(error).toMatchObject({ data: { code: 'invalid_token', claim: 'iat' } });
  });

  it('whose name ends like a revocation of another user get no session of hers', async () => {
    const [one] = await start();
    const { body } = await post(one.operationsUrl, 'revoke', { userId: 'alice', before: 1_000 });
    const alice = one.connect('alice', { reconnection: false });
    await connected(alice);
    await alice.emitWithAck('join_room', 'secret');
    const auth = { pid: Reflect.get(alice, '_pid'), offset: '' };
    alice.io.engine.close();
    const token = mintToken(secret, { sub: `alice ${body.before}` }, 60);
    const mallory = one.connect(undefined, { auth: { ...auth, token } } as never);
    await connected(mallory);
    expect(mallory.recovered).toBe(false);
    const history = await mallory.emitWithAck('history', { roomId: 'secret' });
    expect(history).toMatchObject({ error: { code: 'not_in_room' } });
  });
});
