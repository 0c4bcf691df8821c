// Connects several times over each transport and uses each connection: without sticky sessions some
// requests of a polling session reach a pod that does not have it.
import { type CheckClient, openClient, request, type Transport, within } from './client.ts';
import { type Failure, fails, holds, type Result } from './finding.ts';
import type { CheckTarget } from './target.ts';

const atOnceMax = 4; // concurrent connects
const failuresMax = 5; // without any success, stop after this many
const requestsEach = 3;
const upgradeMsMax = 5_000;

const modes = {
  polling: ['polling'],
  upgrade: ['polling', 'websocket'],
  websocket: ['websocket'],
} as const satisfies Record<string, Transport[]>;

export type Mode = keyof typeof modes;

export interface Tried {
  result: Result;
  /** The pods that were reached. */
  pods: Set<string>;
}

export const transportsOf = (mode: Mode): Transport[] => [...modes[mode]];

export async function tryTransport(
  target: CheckTarget,
  mode: Mode,
  token: string,
  times: number,
): Promise<Tried> {
  const pods = new Set<string>();
  const failures: Failure[] = [];
  const tookMs: number[] = [];
  let remaining = times;
  const one = async () => {
    while (remaining > 0 && (tookMs.length > 0 || failures.length < failuresMax)) {
      remaining -= 1;
      const startedAt = performance.now();
      const failure = await connectAndUse(target, mode, token, pods);
      if (failure) failures.push(failure);
      else tookMs.push(performance.now() - startedAt);
      if (failure?.finding === 'token_refused' || failure?.finding === 'not_mooring') remaining = 0;
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnceMax, times) }, one));
  return { result: summarize(mode, tookMs, failures), pods };
}

async function connectAndUse(
  target: CheckTarget,
  mode: Mode,
  token: string,
  pods: Set<string>,
): Promise<Failure | undefined> {
  const client = await openClient(target, { transports: transportsOf(mode), token });
  if ('finding' in client) return client;
  pods.add(client.pod);
  try {
    return (mode === 'upgrade' ? await upgraded(client) : undefined) ?? (await use(client, token));
  } finally {
    client.socket.disconnect();
  }
}

async function upgraded({ upgrade }: CheckClient): Promise<Failure | undefined> {
  const outcome = await within(upgradeMsMax, upgrade);
  if (outcome === 'upgraded') return undefined;
  const detail = `connected, but the upgrade ${outcome ? 'was refused' : 'did not complete'}`;
  return { finding: 'upgrade_dropped', detail };
}

/** Sends a request that changes nothing and works with every application. */
async function use({ socket }: CheckClient, token: string): Promise<Failure | undefined> {
  let broken: string | undefined;
  socket.once('disconnect', (_, details) => {
    broken = JSON.stringify(Reflect.get(details ?? {}, 'context')?.responseText ?? '');
  });
  for (let count = 0; count < requestsEach; count += 1) {
    const reply = await request(socket, 'refresh_token', token);
    if (reply?.ok) continue;
    if (broken === undefined) return { finding: 'silent', detail: 'a request was not answered' };
    const finding = broken.includes('Session ID unknown') ? 'no_affinity' : 'broken_off';
    const detail = finding === 'no_affinity' ? 'Session ID unknown' : 'closed while in use';
    return { finding, detail };
  }
  return undefined;
}

function summarize(mode: Mode, tookMs: number[], failures: Failure[]): Result {
  const tried = tookMs.length + failures.length;
  const [first] = failures;
  const count = `${tookMs.length} of ${tried}`;
  if (!first) return holds(mode, `${count}, ${median(tookMs).toFixed(0)} ms each`);
  const most = mostFrequent(failures);
  return fails(mode, most.finding, `${count}; ${most.detail}`);
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function mostFrequent(failures: Failure[]): Failure {
  const groups = Map.groupBy(failures, ({ finding }) => finding);
  const [largest] = [...groups.values()].sort((a, b) => b.length - a.length);
  return largest?.[0] as Failure;
}
