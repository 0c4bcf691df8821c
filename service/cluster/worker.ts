// A worker: runs the same app as a single process, with connections from the primary.
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setupWorker } from '@socket.io/sticky';
import type { App } from '../app.ts';
import { answerPrimary } from './call.ts';
import { closeAnswered, type SessionMessage } from './handover.ts';

/** @param exit called once everything is closed */
export function serveAsWorker(app: App, channel: NodeJS.Process, exit: () => void): void {
  setupWorker(app.io);
  announceSessions(app.io.engine, channel);
  const { httpServer } = app.io;
  // Node enforces request timeouts only after a server is listening, which this one never is.
  httpServer.emit('listening');
  httpServer.on('connection', (connection: Duplex) => {
    if (!(connection instanceof Socket)) closeAnswered(connection);
  });
  // The primary keeps connections whose request announces a body and buffers writes to them without
  // backpressure: a client that does not read would fill its memory.
  httpServer.prependListener('upgrade', (_, connection: Duplex) => {
    if (!(connection instanceof Socket)) connection.destroy();
  });
  answerPrimary(channel, {
    readiness: app.readiness,
    snapshot: app.snapshot,
    api: app.api,
    drain: app.drain,
    async close() {
      await app.close();
      setImmediate(exit); // after the answer
    },
  });
}

/** Announces a session before its client learns the id: the next request may follow at once. */
function announceSessions(engine: App['io']['engine'], channel: NodeJS.Process): void {
  const generateId = engine.generateId.bind(engine);
  engine.generateId = async (request) => {
    const sid = await generateId(request);
    channel.send?.({ type: 'mooring:session', sid } satisfies SessionMessage, () => {});
    return sid;
  };
}
