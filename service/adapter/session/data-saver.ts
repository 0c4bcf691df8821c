// Saves `socket.data` when handlers have changed it. It is compared with what was last saved, as
// JSON.
import type { HandlerHost } from './handlers.ts';
import type { Session } from './session.ts';
import { dataOf } from './session-store.ts';

/** @param save see the session writer */
export function createDataSaver(
  sessions: Map<string, Session>,
  save: (session: Session) => Promise<void>,
): HandlerHost {
  let handled = new Set<Session>(); // in this event-loop turn
  const saveHandled = () => {
    const due = handled;
    handled = new Set();
    for (const session of due) if (hasChanged(session)) void save(session);
  };
  return {
    handled({ id }) {
      const session = sessions.get(id);
      if (!session) return;
      if (handled.size === 0) setImmediate(saveHandled);
      handled.add(session);
    },
    beforeAck({ id }) {
      const session = sessions.get(id);
      return session && hasChanged(session) ? save(session) : undefined;
    },
  };
}

function hasChanged(session: Session): boolean {
  if (session.pid === undefined || session.phase !== 'open') return false;
  try {
    return dataOf(session) !== session.savedData;
  } catch {
    return true; // it cannot be saved, which the save reports
  }
}
