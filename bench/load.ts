// The load generator: many clients in a process of their own. Run by the benchmark only.
import { setTimeout as sleep } from 'node:timers/promises';
import { answerCalls } from './child.ts';
import { type Client, openClient } from './client.ts';

export interface ClientPlan {
  port: number;
  auth: Record<string, unknown>;
}

interface Member {
  client: Client;
  plan: ClientPlan;
  pid: string | undefined;
  /** The text of the last event's last argument: what a stock client sends as its offset. */
  offset: string | undefined;
  /** The number in the last event; each of them is one more than the one before. */
  last: number | undefined;
}

const connectAtOnceMax = 100;
const reconnectMs = 500; // about what a stock client waits at first
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

/** Like `42["m",{"n":12,...},"offset"]`; the offset is there with recovery only. */
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
  /** Reads the number in each event, to find what is lost, doubled or out of order. */
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

/** Everybody at once, as after a cut; resolves when all are connected and `expected` arrived. */
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
      refused += 1; // a server that is too slow closes the connection: as a client does, try again
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
  /** Cuts every connection, as a network does. */
  cut() {
    failure = undefined;
    for (const { client } of members) client.destroy();
  },
  close() {
    failure = undefined;
    for (const { client } of members.splice(0)) client.destroy();
  },
});
