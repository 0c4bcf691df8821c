// `make scale`: CLIENTS=10000 WITNESSES=20 PODS=3 ROOMS=10 MEMBERS=10 RATE=100 SECONDS=10
// FAULTS='none,pod killed'; see docs/operations/sizing.md.
import { Problem } from '../../tools/problem.ts';
import { requirePrograms } from '../../tools/programs.ts';
import { readOptions } from './options.ts';
import { violationsOf } from './report.ts';
import { runScale } from './run.ts';

const print = (line: string) => void process.stdout.write(`${line}\n`);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

try {
  await requirePrograms(['redis-server'], Boolean(process.env.CI));
  const phases = await runScale({ ...readOptions(process.env), print });
  const violations = phases.flatMap(violationsOf);
  for (const violation of violations) print(`VIOLATION ${violation}`);
  process.exit(violations.length > 0 ? 1 : 0);
} catch (error) {
  process.stderr.write(`${error instanceof Problem ? error.message : (error as Error).stack}\n`);
  process.exit(1);
}
