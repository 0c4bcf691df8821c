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
  app.io.httpServer.on('connection', (connection: Duplex) => {
    if (!(connection instanceof Socket)) closeAnswered(connection);
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
