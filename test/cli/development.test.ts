// The output of `make start` is all that a new user needs.
import { io } from 'socket.io-client';
import { expect, it, onTestFinished } from 'vitest';
import { connected, next, startProcess, until } from '../harness/service.ts';

const printed = /(http:\S+)$.*alice +(\S+)$.*at (http:.+), with the API key:\n +(\S+)$/ms;

it('the tokens and the API key that it prints are accepted', async () => {
  const made = { JWT_SECRET: '', API_KEY: '' };
  const development = ['sh', '-c', 'exec "$@" --development', 'sh'];
  const service = await startProcess(made, development);
  await until('it is up', () => service.output().includes('Ctrl-C'));
  const [, page, token, api, key] = printed.exec(service.output()) ?? [];
  const alice = io(String(page), { auth: { token } });
  onTestFinished(() => void alice.disconnect());
  await connected(alice);
  const notified = next(alice, 'notification');
  const answer = await fetch(`${api}/v1/publish`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${key}` },
    body: JSON.stringify({ users: ['alice'], event: 'notification', data: 7 }),
  });
  expect(answer.status).toBe(202);
  expect((await notified)[0]).toBe(7);
});
