// What the tests need beside Node: found, or installed where that is ours to do.
import { findHelm } from '../charts/tools/helm.ts';
import { Problem } from '../ingress/nginx/problem.ts';
import { fleetPrograms, requirePrograms } from '../ingress/nginx/programs.ts';

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
