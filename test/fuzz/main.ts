// `make fuzz`: SECONDS=60 SEED=1; prints the seed of a violation.
import { requirePrograms } from '../../tools/programs.ts';
import { fuzz } from './fuzz.ts';

const { SECONDS = '60', SEED = String(Date.now() % 100_000) } = process.env;

await requirePrograms(['redis-server'], Boolean(process.env.CI));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

try {
  const counts = await fuzz({ seed: Number(SEED), seconds: Number(SECONDS) });
  process.stdout.write(`seed ${SEED}: no violation in ${JSON.stringify(counts)}\n`);
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
