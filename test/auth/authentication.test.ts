import { describe, expect, it, onTestFinished } from 'vitest';
import { mintToken } from '../../service/auth/tokens.ts';
import { get } from '../harness/backend.ts';
import { connected, next, samples, startApp, tokenFor, until } from '../harness/service.ts';

const refusalOf = async (client: Parameters<typeof next>[0]) => {
  const [error] = (await next(client, 'connect_error')) as [Error & { data: unknown }];
  return { message: error.message, data: error.data };
};

describe('authentication', () => {
  it('refuses on the main namespace with a code and says that it is final', async () => {
    const service = await startApp();
    const none = await refusalOf(service.connect(undefined));
    expect(none.data).toEqual({ code: 'authentication_required', retryable: false });
    const forged = await refusalOf(service.connect('a', { token: `${tokenFor('alice')}x` }));
    expect(forged.data).toEqual({ code: 'invalid_token', retryable: false });
    const past = await refusalOf(service.connect('a', { token: tokenFor('alice', -5) }));
    expect(past.data).toEqual({ code: 'token_expired', retryable: false });
    const refused = await samples(service.operationsUrl, 'refusals_total');
    expect(refused['code="invalid_token"']).toBe(1);
  });

  it('names the claim that does not fit, to the client and in the log', async () => {
    const service = await startApp({ LOG_LEVEL: 'info' });
    const refused = await refusalOf(service.connect({ sub: 'a\nb' }));
    expect(refused).toEqual({
      message: 'Invalid token: sub must be 1-255 printable characters',
      data: { code: 'invalid_token', retryable: false, claim: 'sub' },
    });
    expect(service.logged).toContainEqual(
      expect.objectContaining({
        msg: 'connect refused',
        code: 'invalid_token',
        reason: 'sub must be 1-255 printable characters',
      }),
    );
    const forged = await refusalOf(service.connect('a', { token: `${tokenFor('alice')}x` }));
    expect(forged).toEqual({
      message: 'Invalid token',
      data: { code: 'invalid_token', retryable: false },
    });
  });

  it('says that a token which is not active yet may be sent again', async () => {
    const service = await startApp();
    const iat = Math.floor(Date.now() / 1000) + 3_600;
    const refused = await refusalOf(service.connect({ sub: 'alice', iat } as { sub: string }));
    expect(refused.data).toEqual({ code: 'token_not_active', retryable: true, claim: 'iat' });
  });

  it('counts tokens by the key that verified them', async () => {
    const previous = 'the previous secret, which is still accepted';
    const service = await startApp({ JWT_SECRET_PREVIOUS: previous });
    await connected(service.connect('alice'));
    await connected(service.connect('b', { token: mintToken(previous, { sub: 'bob' }, 60) }));
    expect(await samples(service.operationsUrl, 'tokens_verified_total')).toMatchObject({
      'key="jwt_secret"': 1,
      'key="jwt_secret_previous"': 1,
    });
  });

  it('admits only tokens with the role admin to /admin', async () => {
    const service = await startApp();
    const user = await refusalOf(service.connect('alice', { namespace: '/admin' }));
    expect(user.data).toMatchObject({ code: 'admin_only' });
    const none = await refusalOf(service.connect(undefined, { namespace: '/admin' }));
    expect(none.data).toMatchObject({ code: 'authentication_required' });
    const admin = { sub: 'root', role: 'admin' };
    await connected(service.connect(admin, { namespace: '/admin' }));
  });

  it('guards dynamic namespaces, before the middlewares that their parent has', async () => {
    const service = await startApp();
    const seen: unknown[] = [];
    service.app.io.of(/^\/tenant-\d+$/).use((socket, proceed) => {
      seen.push(socket.data.user?.id);
      proceed();
    });
    const none = await refusalOf(service.connect(undefined, { namespace: '/tenant-1' }));
    expect(none.data).toMatchObject({ code: 'authentication_required' });
    expect(seen).toEqual([]);
    await connected(service.connect('alice', { namespace: '/tenant-1' }));
    await connected(service.connect('alice', { namespace: '/tenant-2' }));
    expect(seen).toEqual(['alice', 'alice']);
  });

  it('guards namespaces that are created later', async () => {
    const service = await startApp();
    service.app.io.of('/later').on('connection', () => {});
    const none = await refusalOf(service.connect(undefined, { namespace: '/later' }));
    expect(none.data).toMatchObject({ code: 'authentication_required' });
  });

  it('does not leave the token where other replicas or handlers can read it', async () => {
    const service = await startApp();
    const client = await connected(service.connect('alice'));
    const [socket] = await service.app.io.fetchSockets();
    expect(socket?.id).toBe(client.id);
    expect(JSON.stringify(socket?.handshake)).not.toContain('eyJ');
    expect(socket?.data.user).toEqual({ id: 'alice' });
  });

  it.each([
    ['20 KB', JSON.stringify('x'.repeat(20_000))],
    ['10,000 levels', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
  ])('refuses %s beside the token, and keeps serving the user', async (_, text) => {
    const service = await startApp();
    const alice = await connected(service.connect('alice', { transports: ['websocket'] }));
    const frames: string[] = [];
    const address = `${service.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
    const raw = new WebSocket(address); // a client could not encode the nested payload
    onTestFinished(() => raw.close());
    raw.addEventListener('message', ({ data }) => {
      frames.push(String(data));
      if (frames.length === 1) raw.send(`40{"token":"${tokenFor('alice')}","extra":${text}}`);
    });
    await until('it is refused', () => frames.some((frame) => frame.startsWith('44')));
    expect(frames.at(-1)).toContain('"code":"auth_too_large"');
    const answer = await get(service.operationsUrl, 'users/alice');
    expect(answer).toMatchObject({ status: 200, body: { sockets: [{ id: alice.id }] } });
  });

  it('closes a socket when its token expires and refuses the old token afterwards', async () => {
    const service = await startApp();
    const client = await connected(service.connect('a', { token: tokenFor('alice', 1) }));
    await next(client, 'disconnect');
    expect((await refusalOf(client)).data).toMatchObject({ code: 'token_expired' });
  });

  it('does not close a socket whose token lasts longer than a timer can', async () => {
    const service = await startApp();
    const days = 40 * 86_400; // setTimeout overflows after 24.8 days and fires at once
    const client = await connected(service.connect('a', { token: tokenFor('alice', days) }));
    const short = await connected(service.connect('b', { token: tokenFor('bob', 1) }));
    await next(short, 'disconnect'); // so the sweep has run
    expect(client.connected).toBe(true);
  });

  it('lives until the new exp after refresh_token, for the same user only', async () => {
    const service = await startApp();
    const client = await connected(service.connect('a', { token: tokenFor('alice', 2) }));
    const other = await client.emitWithAck('refresh_token', tokenFor('bob'));
    expect(other).toMatchObject({ ok: false, error: { code: 'invalid_token' } });
    const wrong = await client.emitWithAck('refresh_token', 'x.y.z');
    expect(wrong).toMatchObject({ ok: false, error: { code: 'invalid_token' } });
    const fresh = await client.emitWithAck('refresh_token', tokenFor('alice', 60));
    expect(fresh).toMatchObject({ ok: true });
    const short = await connected(service.connect('b', { token: tokenFor('bob', 2) }));
    await next(short, 'disconnect');
    expect(client.connected).toBe(true);
  });

  it('does not accept a refreshed token without the role admin on /admin', async () => {
    const service = await startApp();
    const admin = service.connect({ sub: 'root', role: 'admin' }, { namespace: '/admin' });
    await connected(admin);
    const plain = await admin.emitWithAck('refresh_token', tokenFor('root'));
    expect(plain).toMatchObject({ ok: false, error: { code: 'admin_only' } });
  });

  it('lets the client try again when the keys are unavailable', async () => {
    const jwks = { JWT_SECRET: '', JWT_JWKS_URL: 'http://127.0.0.1:9/jwks' };
    const service = await startApp({ ...jwks, JWT_ALGORITHMS: 'RS256' });
    const header = Buffer.from('{"alg":"RS256","kid":"1"}').toString('base64url');
    const client = service.connect('a', { token: `${header}.e30.c2ln`, reconnectionDelay: 50 });
    let attempts = 0;
    client.io.on('reconnect', () => {
      attempts += 1;
    });
    let refused = false;
    client.on('connect_error', () => {
      refused = true;
    });
    await until('two attempts', () => attempts >= 2);
    expect(refused).toBe(false);
  });
});

describe('origin', () => {
  const from = (origin: string) => ({
    extraHeaders: { origin },
    transports: ['websocket'],
    reconnection: false,
  });

  it('refuses a WebSocket from another origin, which CORS does not', async () => {
    const service = await startApp({ CORS_ORIGINS: 'https://app.example.com' });
    const foreign = service.connect('alice', from('https://evil.example.com'));
    await next(foreign, 'connect_error');
    expect(foreign.connected).toBe(false);
  });

  it.each([
    ['capacitor://localhost', 'capacitor://localhost', true],
    ['tauri://localhost', 'tauri://localhost', true],
    ['HTTPS://App.example.com', 'https://app.example.com', true],
    ['https://*.example.com', 'https://app.example.com', true],
    ['https://*.example.com', 'https://example.com', false],
    ['https://*.example.com', 'https://a.b.example.com', false],
    ['https://*.example.com', 'https://app.example.com.evil.com', false],
    ['https://*.example.com', 'http://app.example.com', false],
    ['https://*.example.com:8443', 'https://app.example.com:8443', true],
  ])(
    'with CORS_ORIGINS=%s, %s connects over both transports: %s',
    async (configured, origin, ok) => {
      const service = await startApp({ CORS_ORIGINS: configured });
      const client = service.connect('alice', from(origin));
      await next(client, ok ? 'connect' : 'connect_error');
      const polled = await fetch(`${service.url}/socket.io/?EIO=4&transport=polling`, {
        headers: { origin },
      });
      expect(polled.status).toBe(ok ? 200 : 403);
      expect(polled.headers.get('access-control-allow-origin')).toBe(ok ? origin : null);
    },
  );

  it('accepts configured origins, the same origin, and clients without an origin', async () => {
    const service = await startApp({ CORS_ORIGINS: 'https://app.example.com' });
    await connected(service.connect('alice', from('https://app.example.com')));
    await connected(service.connect('alice', from(service.url)));
    await connected(service.connect('alice'));
  });
});
