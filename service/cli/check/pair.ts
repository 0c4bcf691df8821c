// Two clients in one room, on different pods where the doors lead to several.
import { randomBytes } from 'node:crypto';
import { type Client, openClient, request, type Transport } from './client.ts';
import type { Door } from './door.ts';
import type { Failure } from './finding.ts';
import type { Tokens } from './tokens.ts';

const attemptsMax = 12; // to meet another pod, where several were seen

export interface Pair {
  first: Client;
  second: Client;
  roomId: string;
  /** Leaves the room and closes both. */
  close(): Promise<void>;
}

interface Options {
  doors: Door[];
  transports: Transport[];
  tokens: Tokens;
  roomPrefix: string;
  /** How many pods the first door has led to so far. */
  podsSeen: number;
}

export type Denied = { denied: string };

/** `denied` when the application or its access rules let nobody into the room. */
export async function openPair(options: Options): Promise<Pair | Failure | Denied> {
  const { doors, transports, tokens, roomPrefix } = options;
  const first = await openClient(doors[0] as Door, { transports, token: tokens.first });
  if ('finding' in first) return first;
  const second = await openElsewhere(first.pod, options);
  if ('finding' in second) {
    first.socket.disconnect();
    return second;
  }
  const roomId = roomPrefix + randomBytes(8).toString('hex');
  const clients = [first, second];
  const close = async () => {
    for (const { socket } of clients) {
      if (socket.connected) await request(socket, 'leave_room', roomId);
      socket.disconnect();
    }
  };
  for (const { socket } of clients) {
    const reply = await request(socket, 'join_room', roomId);
    if (reply?.ok) continue;
    await close();
    return { denied: `a room cannot be joined: ${reply?.error?.code ?? 'no answer'}` };
  }
  return { first, second, roomId, close };
}

/** A client on another pod if one is met, else on the same. */
async function openElsewhere(pod: string, options: Options): Promise<Client | Failure> {
  const { doors, transports, tokens, podsSeen } = options;
  const [main, ...others] = doors as [Door, ...Door[]];
  const again = Array.from({ length: podsSeen > 1 ? attemptsMax : 1 }, () => main);
  let client: Client | Failure = { finding: 'unreachable', detail: 'no second client' };
  for (const door of [...others, ...again]) {
    if ('socket' in client) client.socket.disconnect();
    client = await openClient(door, { transports, token: tokens.second });
    if ('finding' in client) return { ...client, detail: `${door.origin}: ${client.detail}` };
    if (client.pod !== pod) break;
  }
  return client;
}
