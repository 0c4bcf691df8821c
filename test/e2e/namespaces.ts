// Removed namespaces end beside the next tests, because pods take their time to drain. The run ends
// when all are gone.
import { kubectl } from './cluster.ts';

export function setup() {
  process.env.E2E_RUN = String(process.pid);
}

export async function teardown() {
  const selector = `mooring-e2e=${process.env.E2E_RUN}`;
  await kubectl('wait', 'namespace', '-l', selector, '--for=delete', '--timeout=180s');
}
