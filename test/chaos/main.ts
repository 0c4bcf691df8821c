// `make chaos`: SEEDS=1-200 or 17,23 · SECONDS=15 · PARALLEL=2
import { runSeeds } from './seeds.ts';
import { summary } from './totals.ts';

const { SEEDS = '1-10', SECONDS = '15', PARALLEL = '2' } = process.env;

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const print = (line: string) => void process.stdout.write(`${line}\n`);
const totals = await runSeeds({
  seeds: seedsOf(SEEDS),
  seconds: Number(SECONDS),
  parallel: Number(PARALLEL),
  print,
});
print(summary(totals));
process.exit(totals.failed.length > 0 ? 1 : 0);

/** `1-3,17` */
function seedsOf(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
