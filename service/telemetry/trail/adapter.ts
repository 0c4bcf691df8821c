// What the adapter tells of single messages and sockets, with user and session.
import type { Trail as Told } from '../../adapter/options.ts';
import { type MooringSocket, userOf } from '../../protocol/identity.ts';
import { sessionIdOf, subjectOf } from './subject.ts';
import type { Trail } from './trail.ts';

const isMessageId = (id: string) => /^\d{16}$/.test(id) && Number(id) > 0;

/** For the adapter's `trail` option. */
export function trailOfAdapter(trail: Trail): Told {
  return {
    get active() {
      return trail.active;
    },
    published: (message, { id, first }) =>
      trail.published(
        { ...message, messageId: isMessageId(id) ? id : undefined },
        first ? {} : { result: 'published_before' },
      ),
    publishFailed: (message) =>
      trail.published({ ...message, messageId: undefined }, { result: 'unavailable' }),
    delivered(socket, id, replayed) {
      const { data } = socket as MooringSocket;
      if (!trail.wants(data.user.id)) return;
      const subject = subjectOf(socket as MooringSocket);
      const message = isMessageId(id) ? { messageId: id } : { volatile: true as const };
      trail.tell({ type: 'delivered', ...subject, ...message, ...(replayed && { missed: true }) });
    },
    sent(socket, event) {
      const { data } = socket as MooringSocket;
      if (!trail.wants(data.user.id)) return;
      trail.tell({ type: 'delivered', ...subjectOf(socket as MooringSocket), event });
    },
    restored({ namespace, user, pid, offset, result, sid, replayed }) {
      const [messageId = ''] = offset.split('.'); // then the number of a direct packet
      trail.tell({
        type: 'recovery',
        userId: userOf(user),
        ...(sid && { socketId: sid }),
        sessionId: sessionIdOf(pid),
        namespace,
        result,
        ...(isMessageId(messageId) && { offset: messageId }),
        replayed,
      });
    },
  };
}
