// What presence costs: `node test/scale/presence.ts` joins MEMBERS raw clients to one room of the
// built-in chat, then lets them leave and join again, CHANGES a second for SECONDS seconds. BUILD
// is the folder of another version to measure. See docs/concepts/presence.md.
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchClient, openClient } from '../../bench/client.ts';
import { cpuSecondsOf } from '../harness/cpu-seconds.ts';
import { launchRedis, launchService, tokenFor, untilReady } from '../harness/processes.ts';
import { requireFiles } from './options.ts';

const room = 'lobby';
const historyMessages = 100;
const connectsAtOnce = 50;
const settleMs = 3_000; // until everything that joining caused has arrived
const setting = (name: string, value: number) => Number(process.env[name] ?? value);

interface Member {
  client: BenchClient;
  /** Sends an event and resolves to its answer. */
  ask(event: string, payload: unknown): Promise<string>;
  isIn: boolean;
}

/** Events and their bytes, and those of the answers. */
const nothing = { events: 0, bytes: 0, answerBytes: 0 };
let received = { ...nothing };

function open(port: number, user: string): Promise<Member> {
  const { promise, resolve, reject } = Promise.withResolvers<Member>();
  const waiting: ((answer: string) => void)[] = [];
  let asked = 0;
  const client = openClient(
    port,
    { token: tokenFor(user, 86_400) },
    {
      connected: () => resolve({ client, ask, isIn: false }),
      event(_, start, end) {
        received.events += 1;
        received.bytes += end - start;
      },
      answered(text) {
        received.answerBytes += text.length;
        waiting[Number.parseInt(text, 10)]?.(text);
      },
      closed: (reason) => reject(new Error(`${user}: ${reason}`)),
    },
  );
  const ask = (event: string, payload: unknown) =>
    new Promise<string>((answered) => {
      waiting[asked] = answered;
      client.send(`42${asked}${JSON.stringify([event, payload])}`);
      asked += 1;
    });
  return promise;
}

/** Joins or leaves, and again while Redis does not answer in time on a busy machine. */
async function change(member: Member): Promise<void> {
  const event = member.isIn ? 'leave_room' : 'join_room';
  member.isIn = !member.isIn;
  for (let answer = ''; !answer.includes('"ok":true'); ) {
    answer = await member.ask(event, room);
    if (answer.includes('"retryable":false')) throw new Error(`${event}: ${answer}`);
  }
}

/** Runs `work` on every item, some at once. */
async function each<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: connectsAtOnce }, worker));
}

async function measure(members: number, changesPerSecond: number, seconds: number) {
  const redis = await launchRedis();
  const build = process.env.BUILD ?? process.cwd();
  const env = { REDIS_URL: redis.url, CONNECTIONS_MAX: '100000', LOG_LEVEL: 'warn' };
  const service = await launchService({ ...env, ...limits }, [], build);
  const cpu = () => cpuSecondsOf(service.child.pid as number);
  try {
    await untilReady(service.operationsUrl);
    const port = Number(new URL(service.url).port);
    const first = await open(port, 'first');
    await change(first);
    for (let n = 0; n < historyMessages; n += 1) {
      await first.ask('send_message', { roomId: room, text: `message ${n} of the history` });
    }
    const all: Member[] = [];
    const costOf = async (work: () => Promise<void>) => {
      received = { ...nothing };
      const before = cpu();
      await work();
      await sleep(settleMs);
      return { cpuSeconds: cpu() - before, ...received };
    };
    const users = Array.from({ length: members }, (_, n) => `user-${n}`);
    const join = await costOf(() =>
      each(users, async (user) => {
        const member = await open(port, user);
        all.push(member);
        await change(member);
      }),
    );
    print('connect and join', members, join);
    const idle = await costOf(() => sleep(seconds * 1_000));
    const changed = await costOf(async () => {
      const startedAt = performance.now();
      const running: Promise<void>[] = [];
      for (let n = 0; n < changesPerSecond * seconds; n += 1) {
        await sleep(Math.max(0, startedAt + (n * 1_000) / changesPerSecond - performance.now()));
        running.push(change(all[(Math.floor(n / 2) * 7) % all.length] as Member));
      }
      await Promise.all(running);
    });
    print('change', changesPerSecond * seconds, {
      ...changed,
      cpuSeconds: changed.cpuSeconds - idle.cpuSeconds,
    });
    const perSecond = changed.bytes / members / seconds;
    process.stdout.write(`${Math.round(perSecond)} bytes of events per member and second\n`);
  } finally {
    service.child.kill('SIGKILL');
    redis.stop();
  }
}

function print(what: string, count: number, cost: typeof nothing & { cpuSeconds: number }) {
  const { cpuSeconds, events, bytes, answerBytes } = cost;
  const each = (value: number) => Math.round((100 * value) / count) / 100;
  process.stdout.write(
    `${what}: ${each(cpuSeconds * 1_000)} ms of CPU, ${each(events)} deliveries, ` +
      `${Math.round(bytes / count)} bytes of events, ` +
      `${Math.round(answerBytes / count)} bytes of answers each\n`,
  );
}

const limits = { EVENTS_PER_SECOND_MAX: '1000' };
const members = setting('MEMBERS', 1_000);
requireFiles({ clients: members });
await measure(members, setting('CHANGES', 100), setting('SECONDS', 10));
process.exit(0);
