// A worker: the same app as a single process, fed with connections by the primary.
import { Socket } from 'node:net';
import { setupWorker } from '@socket.io/sticky';
import type { App } from '../app.ts';
import { answerPrimary } from './call.ts';

/** @param exit ends the process once everything is closed */
export function serveAsWorker(app: App, channel: NodeJS.Process, exit: () => void): void {
  setupWorker(app.io);
  // Node watches how long requests take from when a server listens, which this one never does.
  app.io.httpServer.emit('listening');
  // The primary keeps a connection whose request announces a body, and what is written to it has no
  // bound there: a client that does not read would fill its memory.
  app.io.httpServer.prependListener('upgrade', (_, socket) => {
    if (!(socket instanceof Socket)) socket.destroy();
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
