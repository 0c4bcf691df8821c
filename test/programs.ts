// What the tests need beside Node: found, or installed where that is ours to do.
import { Problem } from '../ingress/nginx/problem.ts';
import { fleetPrograms, type Program, requirePrograms } from '../ingress/nginx/programs.ts';

const named = process.argv.slice(2) as Program[];
const programs = named.length > 0 ? named : ([...fleetPrograms, 'chromium'] as const);

try {
  await requirePrograms(programs, Boolean(process.env.CI));
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
