// The adapter without the service, with a client that a user has made.
import { Server } from 'socket.io';
import { expect } from 'vitest';
import { createAdapter } from '../../service/adapter/index.ts';

/** Publishes in two namespaces, through a client of any kind. */
export async function expectAlone(client: Parameters<typeof createAdapter>[0]): Promise<void> {
  const adapter = createAdapter(client);
  const io = new Server({ adapter: adapter as never });
  const namespaces = [io.of('/'), io.of('/other')];
  await adapter.ready();
  expect(adapter.isUp()).toBe(true);
  const published = namespaces.map((one) => adapter.publish(one, 'event', [1]));
  expect(await Promise.all(published)).toEqual([
    expect.objectContaining({ first: true }),
    expect.objectContaining({ first: true }),
  ]);
  await Promise.all(namespaces.map((one) => one.adapter.close()));
}
