// Ends memberships that outlived the right to them: when a session is recovered, when a token is
// refreshed, and when a grant of the webhook has reached its age.
import type { AccessEndedListener } from '../application/index.ts';
import type { MooringSocket, SocketData, User } from '../protocol/identity.ts';
import type { Refusal } from '../protocol/refusals.ts';
import { roomIdsOf, roomName } from '../protocol/rooms.ts';
import type { VerifyAuth } from './namespaces.ts';
import type { RoomAccess } from './room-access.ts';

/** A room that a user may not be in, or whose webhook cannot be asked. */
export interface Refused {
  roomId: string;
  refusal: Refusal;
}

export type RoomReview = ReturnType<typeof createRoomReview>;

interface Parts {
  stay: RoomAccess['stay'];
  verifyAuth: VerifyAuth;
  report(stage: string, error: unknown): void;
}

export function createRoomReview({ stay, verifyAuth, report }: Parts) {
  const listeners: AccessEndedListener[] = [];
  const refusedAtRecovery = new WeakMap<object, Refused[]>(); // by payload of the CONNECT packet

  const refusedOf = async (user: User, roomIds: string[]): Promise<Refused[]> => {
    const answers = await Promise.all(roomIds.map((roomId) => stay(user, roomId)));
    return answers.flatMap((answer, i) =>
      answer.ok ? [] : { roomId: roomIds[i] as string, refusal: answer },
    );
  };
  const tell = async (socket: MooringSocket, { roomId, refusal }: Refused) => {
    const { code, retryable } = refusal.error;
    socket.emit('access_ended', { roomId, code, retryable });
    await Promise.all(listeners.map(async (listener) => listener(socket, roomId)));
  };
  /** Leaves the rooms at once; resolves when the application has announced it. */
  const end = async (socket: MooringSocket, refused: Refused[]): Promise<void> => {
    const ended = refused
      .filter(({ roomId }) => socket.rooms.has(roomName(roomId)))
      .map(async (one) => {
        await Promise.all([socket.leave(roomName(one.roomId)), tell(socket, one)]);
      });
    await Promise.all(ended).catch((error) => report('access_ended', error));
  };

  return {
    end,
    listen: (listener: AccessEndedListener) => void listeners.push(listener),
    /** The rooms of a session that the bearer of the token may rejoin, for the adapter. */
    async admit(auth: Record<string, unknown>, rooms: string[]): Promise<string[]> {
      const verdict = await verifyAuth(auth);
      if (!verdict.ok) return [];
      const refused = await refusedOf(verdict.data.user, roomIdsOf(rooms));
      refusedAtRecovery.set(auth, refused);
      const names = new Set(refused.map(({ roomId }) => roomName(roomId)));
      return rooms.filter((room) => !names.has(room));
    },
    /** Tells a recovered socket and the application which rooms it was not given back. */
    async recovered(socket: MooringSocket): Promise<void> {
      const refused = refusedAtRecovery.get(socket.handshake.auth) ?? [];
      refusedAtRecovery.delete(socket.handshake.auth);
      const told = refused.map((one) => tell(socket, one));
      await Promise.all(told).catch((error) => report('access_ended', error));
    },
    /** The rooms of a socket that its user may no longer be in. */
    review: ({ data, rooms }: MooringSocket) => refusedOf(data.user, roomIdsOf(rooms)),
    /**
     * Replaces the token's data, and leaves the rooms that it does not cover. If the webhook cannot
     * be asked, nothing changes.
     */
    async replace(socket: MooringSocket, data: SocketData): Promise<Refusal | undefined> {
      const asked = new Set<string>();
      const refused: Refused[] = [];
      const unasked = () => roomIdsOf(socket.rooms).filter((roomId) => !asked.has(roomId));
      // Rooms may be joined meanwhile, with the right that the old token gives.
      for (let roomIds = unasked(); roomIds.length > 0; roomIds = unasked()) {
        for (const roomId of roomIds) asked.add(roomId);
        refused.push(...(await refusedOf(data.user, roomIds)));
      }
      const failed = refused.find(({ refusal }) => refusal.error.code === 'unavailable');
      if (failed) return failed.refusal;
      Object.assign(socket.data, data);
      await end(socket, refused);
      return undefined;
    },
  };
}
