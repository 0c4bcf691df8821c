// `make chaos`: ROUNDS=20 CLIENTS=100 CAUSES=SIGTERM,cut, then SEEDS=1-200 or 17,23 SECONDS=15
// PARALLEL=2; see docs/internals/chaos.md.
import { requirePrograms } from '../../tools/programs.ts';
import { buildClocks } from '../harness/clock.ts';
import shareCompiledCode from '../harness/compile-cache.ts';
import { causes } from './causes.ts';
import { isClean, runRounds } from './rounds.ts';
import { runSeeds } from './seeds.ts';
import { summary, waitForProcessor } from './totals.ts';

const { ROUNDS = '3', CLIENTS = '100', CAUSES = '' } = process.env;
const { SEEDS = '1-10', SECONDS = '15', PARALLEL = '2' } = process.env;

await requirePrograms(['redis-server'], Boolean(process.env.CI));
shareCompiledCode();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const print = (line: string) => void process.stdout.write(`${line}\n`);
let failed = false;
if (Number(ROUNDS) > 0) {
  const only = [...causes.keys()].filter((name) => CAUSES.split(',').some((c) => name.includes(c)));
  const counts = { rounds: Number(ROUNDS), clients: Number(CLIENTS) };
  const sums = await runRounds({ ...counts, only, print });
  failed = ![...sums.values()].every(isClean);
  print('');
}
const seeds = seedsOf(SEEDS);
if (seeds.length > 0) {
  const clocks = buildClocks();
  if (!clocks) print('Clocks stay as they are: setting them needs Linux and a C compiler.');
  clocks?.remove();
  const times = { seconds: Number(SECONDS), parallel: Number(PARALLEL) };
  const totals = await runSeeds({ seeds, ...times, print });
  print(summary(totals));
  failed ||= totals.failed.length > 0;
}
print(waitForProcessor());
process.exit(failed ? 1 : 0);

/** Parses `1-3,17`; `0` means none. */
function seedsOf(text: string): number[] {
  if (text === '0') return [];
  return text.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
