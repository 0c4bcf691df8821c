// Finds or installs what the tests need beside Node; `make test` runs it first.
import { findHelm } from './helm.ts';
import { Problem } from './problem.ts';
import { fleetPrograms, requirePrograms } from './programs.ts';

const programs = [
  'git',
  ...fleetPrograms,
  'redis-cli',
  'openssl',
  'cc',
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
