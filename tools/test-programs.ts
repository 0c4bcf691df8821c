// What the tests need beside Node: found, or installed where that is ours to do.
import { findHelm } from './helm.ts';
import { Problem } from './problem.ts';
import { fleetPrograms, requirePrograms } from './programs.ts';

const programs = [
  ...fleetPrograms,
  'redis-cli',
  'openssl',
  'chromium',
  'prometheus',
  'promtool',
] as const;

try {
  await requirePrograms(programs, Boolean(process.env.CI));
  findHelm();
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
