// The load generator: many clients in a separate process. Started by the benchmark only.
import { setTimeout as sleep } from 'node:timers/promises';
import { answerCalls } from './child.ts';
import { type BenchClient, openClient } from './client.ts';

export interface ClientPlan {
  port: number;
  auth: Record<string, unknown>;
}

interface Member {
  client: BenchClient;
  plan: ClientPlan;
  pid: string | undefined;
  /** The last argument of the last event, which a stock client sends as its offset. */
  offset: string | undefined;
  /** The number in the last event; numbers increase by one. */
  last: number | undefined;
}

const connectAtOnceMax = 100;
const reconnectMs = 500; // about a stock client's first reconnect delay
const members: Member[] = [];
let received = 0;
let outOfOrder = 0;
let waiting: { count: number; resolve(): void } | undefined;
let failure: ((reason: string) => void) | undefined;

function count(): void {
  received += 1;
  if (waiting && received >= waiting.count) {
    waiting.resolve();
    waiting = undefined;
  }
}

/** Such as `42["m",{"n":12,...},"offset"]`; the offset is present with recovery only. */
function remember(member: Member, bytes: Buffer, start: number, end: number): void {
  const [, body, offset] = JSON.parse(bytes.toString('latin1', start + 2, end));
  const { n } = body as { n: number };
  if (member.last !== undefined && n !== member.last + 1) outOfOrder += 1;
  member.last = n;
  if (typeof offset === 'string') member.offset = offset;
}

function connect(member: Member, auth: object, ordered: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    member.client = openClient(member.plan.port, auth, {
      connected({ pid }) {
        member.pid = pid;
        resolve();
      },
      event(bytes, start, end) {
        if (ordered) remember(member, bytes, start, end);
        count();
      },
      closed(reason) {
        reject(new Error(reason));
        failure?.(reason);
      },
    });
  });
}

interface Opening {
  plans: ClientPlan[];
  /** Checks the number in each event, to detect lost, duplicated and reordered messages. */
  ordered?: boolean;
}

async function open({ plans, ordered = false }: Opening): Promise<void> {
  failure = undefined;
  for (let at = 0; at < plans.length; at += connectAtOnceMax) {
    const some = plans.slice(at, at + connectAtOnceMax).map((plan) => {
      const member: Member = {
        plan,
        client: undefined as never,
        pid: undefined,
        offset: undefined,
        last: undefined,
      };
      members.push(member);
      return connect(member, plan.auth, ordered);
    });
    await Promise.all(some);
  }
}

/** Reconnects all clients at once; resolves when `expected` events have arrived. */
async function reopen({ ports, expected }: { ports: number[]; expected: number }) {
  received = 0;
  outOfOrder = 0;
  let refused = 0;
  const startedAt = performance.now();
  const again = async (member: Member): Promise<void> => {
    const { pid, offset, plan } = member;
    try {
      await connect(member, { ...plan.auth, pid, offset }, true);
    } catch {
      refused += 1; // an overloaded server closes the connection: retry, as a client does
      await sleep(reconnectMs);
      await again(member);
    }
  };
  const connected = members.map((member, i) => {
    member.plan.port = ports[i % ports.length] as number;
    return again(member);
  });
  await Promise.all(connected);
  const connectedMs = performance.now() - startedAt;
  await arrived(expected);
  return { ms: performance.now() - startedAt, connectedMs, refused, received, outOfOrder };
}

function arrived(count: number): Promise<void> {
  if (received >= count) return Promise.resolve();
  return new Promise((resolve, reject) => {
    waiting = { count, resolve };
    failure = (reason) => reject(new Error(`a client was closed: ${reason}`));
  });
}

answerCalls({
  open,
  reopen,
  received: () => ({ received, outOfOrder }),
  reset() {
    received = 0;
    outOfOrder = 0;
  },
  arrived,
  /** Destroys every connection, as a network failure does. */
  cut() {
    failure = undefined;
    for (const { client } of members) client.destroy();
  },
  close() {
    failure = undefined;
    for (const { client } of members.splice(0)) client.destroy();
  },
});
