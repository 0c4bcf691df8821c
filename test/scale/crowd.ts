// Many raw clients in one process. Each connects, joins its rooms, remembers what it got in each of
// them, and recovers as a stock client does.
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchClient, openClient } from '../../bench/client.ts';
import { tokenFor } from '../harness/processes.ts';

const connectsAtOnceMax = 100;
const tokenSeconds = 86_400;
const answerMsMax = 60_000;
// Delays of a stock client: 1 s, doubled after each failure up to 5 s, and randomized by half.
const reconnectMs = 1_000;
const reconnectMsMax = 5_000;
const offsetLength = 16;
const numbered = '42["numbered",';

export interface Member {
  user: string;
  rooms: string[];
  /** The numbers of each room since the mark, as they arrived. */
  numbers: Map<string, number[]>;
  /** Numbers of rooms that it is not in. */
  foreign: number;
  disconnects: number;
  /** Milliseconds from each loss to the next CONNECT. */
  returns: { ms: number; recovered: boolean }[];
  isConnected: boolean;
}

export type Crowd = ReturnType<typeof createCrowd>;

/** @param portOf the port of an attempt to connect; the first attempt is 0 */
export function createCrowd(rooms: string[][], portOf: (attempt: number) => number) {
  let closed = false;
  const members: Member[] = [];
  const clients = new Map<Member, BenchClient>();
  const isClosed = () => closed;
  const open = async (own: string[], i: number) => {
    const member: Member = {
      user: `user-${i}`,
      rooms: own,
      numbers: new Map(own.map((room) => [room, []])),
      foreign: 0,
      disconnects: 0,
      returns: [],
      isConnected: false,
    };
    members.push(member);
    await startMember(member, { portOf, clients, isClosed });
  };
  return {
    members,
    /** Connects all and joins their rooms. */
    async start(): Promise<void> {
      let next = 0;
      const worker = async () => {
        while (next < rooms.length) {
          const i = next;
          next += 1;
          await open(rooms[i] as string[], i);
        }
      };
      await Promise.all(Array.from({ length: connectsAtOnceMax }, worker));
    },
    /** Forgets everything that happened. */
    mark(): void {
      for (const member of members) {
        for (const numbers of member.numbers.values()) numbers.length = 0;
        member.foreign = member.disconnects = 0;
        member.returns = [];
      }
    },
    close(): void {
      closed = true;
      for (const client of clients.values()) client.destroy();
    },
  };
}

interface Surroundings {
  portOf(attempt: number): number;
  clients: Map<Member, BenchClient>;
  isClosed(): boolean;
}

/** Resolves once it is in its rooms; from then on it comes back by itself. */
function startMember(member: Member, { portOf, clients, isClosed }: Surroundings): Promise<void> {
  const token = tokenFor(member.user, tokenSeconds);
  const joined = Promise.withResolvers<void>();
  let session: { pid?: string; offset?: string } = {};
  let lostAt: number | undefined;
  let attempt = 0;
  let delayMs = reconnectMs;

  const connect = () => {
    let answers = 0;
    const client = openClient(
      portOf(attempt),
      { token, ...session },
      {
        connected({ pid }) {
          const recovered = pid !== undefined && pid === session.pid;
          if (lostAt !== undefined) {
            member.returns.push({ ms: performance.now() - lostAt, recovered });
          }
          lostAt = undefined;
          delayMs = reconnectMs;
          session = recovered ? session : { ...(pid !== undefined && { pid }) };
          member.isConnected = true;
          if (recovered) return;
          for (const [i, room] of member.rooms.entries()) {
            client.send(`42${i}["join_room",${JSON.stringify(room)}]`);
          }
        },
        event(bytes, start, end) {
          session.offset = bytes.toString('latin1', end - offsetLength - 2, end - 2);
          if (bytes.toString('latin1', start, start + numbered.length) === numbered) {
            note(member, JSON.parse(bytes.toString('latin1', start + 2, end))[1]);
          }
        },
        answered(text) {
          if (!text.includes('"ok":true')) joined.reject(new Error(`join_room: ${text}`));
          answers += 1;
          if (answers === member.rooms.length) joined.resolve();
        },
        closed: () => void lost(),
      },
    );
    clients.set(member, client);
  };
  const lost = async () => {
    if (isClosed()) return;
    if (member.isConnected) member.disconnects += 1;
    member.isConnected = false;
    lostAt ??= performance.now();
    attempt += 1;
    const ms = delayMs * (0.5 + Math.random());
    delayMs = Math.min(reconnectMsMax, 2 * delayMs);
    await sleep(ms);
    if (!isClosed()) connect();
  };
  connect();
  const late = sleep(answerMsMax, undefined, { ref: false }).then(() => {
    throw new Error(`${member.user} was not in its rooms within ${answerMsMax / 1_000} s`);
  });
  return Promise.race([joined.promise, late]);
}

function note(member: Member, { room, n }: { room: string; n: number }): void {
  const numbers = member.numbers.get(room);
  if (numbers) numbers.push(n);
  else member.foreign += 1;
}

/** Shared rooms for each client: all rooms have the same number of members. */
export function shareRooms(clients: number, roomsPerClient: number, membersPerRoom: number) {
  const count = Math.max(roomsPerClient, Math.ceil((clients * roomsPerClient) / membersPerRoom));
  return Array.from({ length: clients }, (_, i) =>
    Array.from({ length: roomsPerClient }, (_, j) => `scale-${(i * roomsPerClient + j) % count}`),
  );
}
