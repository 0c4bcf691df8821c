// Two versions on one Redis: rollout and rollback under load, judged by the model.
import { expect, it, onTestFinished } from 'vitest';
import { formats } from '../../service/adapter/delivery/formats.ts';
import { post } from '../harness/backend.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, samples, startProcess, until, untilReady } from '../harness/service.ts';
import { type Build, buildOf, nextBuild, previousCommit } from './builds.ts';
import { rollBothWays } from './rollout.ts';
import { isClean } from './rounds.ts';

const clients = Number(process.env.CLIENTS ?? 12);
const pods = Number(process.env.PODS ?? 3);
const here = process.cwd();
const { newest } = formats;
// The first old pod of a rollback may find the session of a client that waited for it.
const unreadable = /Found a (message|log entry|notice)/;

function used(build: Build): Build {
  onTestFinished(build.remove);
  return build;
}

/** Versions from before all formats: nothing arrives, and this version says so. */
async function expectReport(folder: string): Promise<void> {
  const { url } = await startRedis();
  const env = { REDIS_URL: url, REBALANCE: 'off', LOG_LEVEL: 'warn' };
  const [old, current] = await Promise.all([
    startProcess(env, [], folder),
    startProcess(env, [], here),
  ]);
  await Promise.all([old, current].map(({ operationsUrl }) => untilReady(operationsUrl)));
  await connected(current.connect('alice'));
  const target = { users: ['alice'], event: 'notification', data: {} };
  expect((await post(old.operationsUrl, 'publish', target)).status).toBe(202);
  await until('it is counted', async () => {
    const counts = await samples(current.operationsUrl, 'unreadable_total');
    return Number(counts['kind="message"']) > 0;
  });
  expect(current.output()).toContain('Found a message in format');
}

it('a fleet rolls to a version with a new format and back without losing anything', async () => {
  const next = used(nextBuild());
  const { stats, report, agreed, output } = await rollBothWays({
    from: here,
    to: next.folder,
    clients,
    pods,
    formats: [newest, newest + 1],
  });
  expect(isClean(stats), report).toBe(true);
  expect(stats.reconnects).toBeGreaterThanOrEqual(2 * (pods + 1) * clients);
  // Mixed, the fleet writes the old format; on the new version alone, the new one.
  const [old, later] = [newest, newest + 1];
  const mixed = Array.from({ length: pods - 1 }, () => old);
  expect(agreed).toEqual([...mixed, expect.any(Number), later, ...mixed, old, old]);
  expect(output).not.toMatch(unreadable);
}, 300_000);

it('a fleet rolls from the previous version to this one and back', async ({ skip }) => {
  let previous: ReturnType<typeof previousCommit>;
  try {
    previous = previousCommit();
  } catch (error) {
    const reason = `NOT TESTED against the previous version, which this clone lacks: ${error}`;
    process.stderr.write(`${reason}\n`);
    return skip(reason);
  }
  const { folder } = used(buildOf(previous.commit));
  if (!previous.knowsFormats) return expectReport(folder);
  const ranges = await import(`${folder}/service/adapter/delivery/formats.ts`);
  const before = ranges.formats.newest as number;
  const { stats, report, output } = await rollBothWays({
    from: folder,
    to: here,
    clients,
    pods,
    formats: [before, newest],
  });
  expect(isClean(stats), report).toBe(true);
  expect(output).not.toMatch(unreadable);
}, 300_000);
