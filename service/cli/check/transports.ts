// Connecting many times over each transport, and using each connection: through a door that is not
// sticky some requests of a polling session reach a pod that does not know it.
import { type Client, openClient, request, type Transport, within } from './client.ts';
import type { Door } from './door.ts';
import { type Failure, fails, holds, type Result } from './finding.ts';

const atOnceMax = 4; // a check is gentle
const failuresMax = 5; // without a success: more of the same would tell nothing new
const requestsEach = 3;
const upgradeMsMax = 5_000;

const ways = {
  polling: ['polling'],
  upgrade: ['polling', 'websocket'],
  websocket: ['websocket'],
} as const satisfies Record<string, Transport[]>;

export type Way = keyof typeof ways;

export interface Tried {
  result: Result;
  /** The pods that were met. */
  pods: Set<string>;
}

export const transportsOf = (way: Way): Transport[] => [...ways[way]];

export async function tryTransport(
  door: Door,
  way: Way,
  token: string,
  times: number,
): Promise<Tried> {
  const pods = new Set<string>();
  const failures: Failure[] = [];
  const tookMs: number[] = [];
  let left = times;
  const one = async () => {
    while (left > 0 && (tookMs.length > 0 || failures.length < failuresMax)) {
      left -= 1;
      const startedAt = performance.now();
      const failure = await connectAndUse(door, way, token, pods);
      if (failure) failures.push(failure);
      else tookMs.push(performance.now() - startedAt);
      if (failure?.finding === 'token_refused' || failure?.finding === 'not_mooring') left = 0;
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnceMax, times) }, one));
  return { result: sum(way, tookMs, failures), pods };
}

async function connectAndUse(
  door: Door,
  way: Way,
  token: string,
  pods: Set<string>,
): Promise<Failure | undefined> {
  const client = await openClient(door, { transports: transportsOf(way), token });
  if ('finding' in client) return client;
  pods.add(client.pod);
  try {
    return (way === 'upgrade' ? await upgraded(client) : undefined) ?? (await use(client, token));
  } finally {
    client.socket.disconnect();
  }
}

async function upgraded({ upgrade }: Client): Promise<Failure | undefined> {
  const outcome = await within(upgradeMsMax, upgrade);
  if (outcome === 'upgraded') return undefined;
  const detail = `connected, but the upgrade ${outcome ? 'was refused' : 'never came'}`;
  return { finding: 'upgrade_dropped', detail };
}

/** A request that changes nothing and that any application has; over polling, two of HTTP. */
async function use({ socket }: Client, token: string): Promise<Failure | undefined> {
  let broken: string | undefined;
  socket.once('disconnect', (_, details) => {
    broken = JSON.stringify(Reflect.get(details ?? {}, 'context')?.responseText ?? '');
  });
  for (let count = 0; count < requestsEach; count += 1) {
    const reply = await request(socket, 'refresh_token', token);
    if (reply?.ok) continue;
    if (broken === undefined) return { finding: 'silent', detail: 'a request had no answer' };
    const finding = broken.includes('Session ID unknown') ? 'no_affinity' : 'broken_off';
    const detail = finding === 'no_affinity' ? 'Session ID unknown' : 'closed while in use';
    return { finding, detail };
  }
  return undefined;
}

function sum(way: Way, tookMs: number[], failures: Failure[]): Result {
  const tried = tookMs.length + failures.length;
  const [first] = failures;
  const count = `${tookMs.length} of ${tried}`;
  if (!first) return holds(way, `${count}, ${median(tookMs).toFixed(0)} ms each`);
  const most = mostFrequent(failures);
  return fails(way, most.finding, `${count}; ${most.detail}`);
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function mostFrequent(failures: Failure[]): Failure {
  const groups = Map.groupBy(failures, ({ finding }) => finding);
  const [largest] = [...groups.values()].sort((a, b) => b.length - a.length);
  return largest?.[0] as Failure;
}
