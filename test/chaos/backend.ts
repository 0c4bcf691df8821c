// A backend: asks for presence and ends sessions through the operations ports of the pods.
import { setTimeout as sleep } from 'node:timers/promises';
import { apiKey } from '../harness/processes.ts';
import type { Ending, History } from './history.ts';
import type { Pod } from './pod.ts';
import type { Users } from './users.ts';

export type Backend = ReturnType<typeof createBackend>;

const requestMsMax = 5_000;
const endMsMax = 20_000;

export function createBackend(history: History, users: Users, now: () => number) {
  const ask = (pod: Pod, path: string, body?: object): Promise<Response | undefined> =>
    fetch(`${pod.operationsUrl}/v1/${path}`, {
      headers: { Authorization: `Bearer ${apiKey}`, 'Content-Type': 'application/json' },
      signal: AbortSignal.timeout(requestMsMax),
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    }).catch(() => undefined); // it is down

  /** Repeats the command until it is accepted. */
  const end = async (pod: Pod, path: string, body: object, ending: Omit<Ending, 'called'>) => {
    const record: Ending = { ...ending, called: now() };
    history.endings.push(record);
    while (now() < record.called + endMsMax) {
      const response = await ask(pod, path, body);
      if (response?.status === 202) {
        record.acknowledged = now();
        return;
      }
      await sleep(100);
    }
  };
  return {
    /** The user ids in a room, if they can be read. */
    async members(pod: Pod, room: string): Promise<string[] | undefined> {
      const response = await ask(pod, `rooms/${room}/presence`);
      if (response?.status !== 200) return undefined;
      const { members } = (await response.json()) as { members: string[] };
      return members;
    },
    disconnectUser: (pod: Pod, user: string) =>
      end(pod, 'disconnect', { users: [user] }, { what: 'POST /v1/disconnect', user }),
    disconnectSocket: (pod: Pod, sid: string) =>
      end(pod, 'disconnect', { sockets: [sid] }, { what: 'POST /v1/disconnect', sid }),
    /** Clients get tokens that are valid after it, and not before it is accepted. */
    async revoke(pod: Pod, user: string): Promise<void> {
      const body = { userId: user, before: users.revoke(user) };
      await end(pod, 'revoke', body, { what: 'POST /v1/revoke', user });
      users.renew(user);
    },
  };
}
