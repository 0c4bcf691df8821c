// A way to a server that can be cut and mended, for one client among several, until the test ends.
import { onTestFinished } from 'vitest';
import { openRelay } from './open-relay.ts';

export async function startRelay(target: number) {
  const relay = await openRelay(target);
  onTestFinished(relay.close);
  return relay;
}
