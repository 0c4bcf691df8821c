// A session comes back to the process that still has its last connection. Found by `make chaos`.
import { expect, it } from 'vitest';
import { claimantOf } from '../../../test/harness/moving.ts';
import { nearAndFar } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';

it('a late answer to the last save of a connection does not end its successor', async () => {
  const patient = { commandMsMax: 20_000, restoreMsMax: 20_000 };
  const { relay, far, publish, connect: open } = await nearAndFar(patient);
  const { client, socket } = await open();
  await socket.join('room');
  const pid = Reflect.get(client, '_pid') as string;
  const successor = claimantOf(client, far.address);
  relay.hold();
  successor.connect();
  await until('its claim is on its way', () => relay.holds(pid));
  Promise.resolve(socket.join('other')).catch(() => {}); // its save follows the claim
  await until('the save is on its way', () => relay.holds('room:other'));
  client.io.reconnection(false);
  client.io.engine.close();
  await until('the connection is gone', () => !socket.connected);
  const connected = next(successor, 'connect');
  const heard = next(successor, 'event');
  relay.pass();
  await connected;
  expect(successor.recovered).toBe(true);
  await publish(['room'], 'hello');
  await heard;
});
