// Two clients in one room, on different pods if possible.
import { randomBytes } from 'node:crypto';
import { type CheckClient, openClient, request, type Transport } from './client.ts';
import type { Failure } from './finding.ts';
import type { CheckTarget } from './target.ts';
import type { Tokens } from './tokens.ts';

const attemptsMax = 12; // to reach another pod, if there are several

export interface Pair {
  first: CheckClient;
  second: CheckClient;
  roomId: string;
  /** Leaves the room and closes both. */
  close(): Promise<void>;
}

interface Options {
  targets: CheckTarget[];
  transports: Transport[];
  tokens: Tokens;
  roomPrefix: string;
  /** How many pods the first target has reached so far. */
  podsSeen: number;
}

export type Denied = { denied: string };

/** `denied` if the application or its access rules do not allow joining the room. */
export async function openPair(options: Options): Promise<Pair | Failure | Denied> {
  const { targets, transports, tokens, roomPrefix } = options;
  const first = await openClient(targets[0] as CheckTarget, { transports, token: tokens.first });
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
    return { denied: `cannot join a room: ${reply?.error?.code ?? 'no answer'}` };
  }
  return { first, second, roomId, close };
}

/** A client on another pod if one is reached, otherwise on the same pod. */
async function openElsewhere(pod: string, options: Options): Promise<CheckClient | Failure> {
  const { targets, transports, tokens, podsSeen } = options;
  const [main, ...others] = targets as [CheckTarget, ...CheckTarget[]];
  const again = Array.from({ length: podsSeen > 1 ? attemptsMax : 1 }, () => main);
  let client: CheckClient | Failure = { finding: 'unreachable', detail: 'no second client' };
  for (const target of [...others, ...again]) {
    if ('socket' in client) client.socket.disconnect();
    client = await openClient(target, { transports, token: tokens.second });
    if ('finding' in client) return { ...client, detail: `${target.origin}: ${client.detail}` };
    if (client.pod !== pod) break;
  }
  return client;
}
