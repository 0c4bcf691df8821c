// Removed namespaces end beside the next tests, because pods take their time to drain. The run ends
// when all are gone. Vitest runs this outside of the tests.
import { execFileSync } from 'node:child_process';
import { findKubectl } from '../../tools/helm.ts';

const label = 'mooring-e2e';

/** Labels of the namespaces of this run. */
export const ofThisRun = () => ({ [label]: process.env.E2E_RUN });

export function setup() {
  process.env.E2E_RUN = String(process.pid);
}

export function teardown() {
  const own = ['-l', `${label}=${process.env.E2E_RUN}`];
  execFileSync(findKubectl(), ['wait', 'namespace', ...own, '--for=delete', '--timeout=180s']);
}
