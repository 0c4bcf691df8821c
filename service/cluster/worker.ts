// A worker: the same app as a single process, fed with connections by the primary.
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setupWorker } from '@socket.io/sticky';
import type { App } from '../app.ts';
import { answerPrimary } from './call.ts';
import { closeAnswered, type SessionMessage } from './handover.ts';

/** @param exit ends the process once everything is closed */
export function serveAsWorker(app: App, channel: NodeJS.Process, exit: () => void): void {
  setupWorker(app.io);
  announceSessions(app.io.engine, channel);
  const { httpServer } = app.io;
  // Node watches how long requests take from when a server listens, which this one never does.
  httpServer.emit('listening');
  httpServer.on('connection', (connection: Duplex) => {
    if (!(connection instanceof Socket)) closeAnswered(connection);
  });
  // The primary keeps a connection whose request announces a body, and what is written to it has no
  // bound there: a client that does not read would fill its memory.
  httpServer.prependListener('upgrade', (_, connection: Duplex) => {
    if (!(connection instanceof Socket)) connection.destroy();
  });
  answerPrimary(channel, {
    beat: app.readiness,
    snapshot: app.snapshot,
    api: app.api,
    drain: app.drain,
    async close() {
      await app.close();
      setImmediate(exit); // after the answer
    },
  });
}

/** Before their clients know of them, whose next requests may reach the primary at once. */
function announceSessions(engine: App['io']['engine'], channel: NodeJS.Process): void {
  const generateId = engine.generateId.bind(engine);
  engine.generateId = async (request) => {
    const sid = await generateId(request);
    channel.send?.({ type: 'mooring:session', sid } satisfies SessionMessage, () => {});
    return sid;
  };
}
