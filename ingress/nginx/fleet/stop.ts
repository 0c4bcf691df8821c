// Stops exactly the processes of the pid files, in the order that lets clients drain.
import {
  awaitEnd,
  listRunning,
  type Running,
  removePidFiles,
  signal,
} from '../../../tools/processes.ts';
import { drainEnvironment } from './settings.ts';
import { removeState } from './state.ts';

const { ENDPOINT_DELAY_MS, DRAIN_MS_MAX } = drainEnvironment;
const replicaMsMax = Number(ENDPOINT_DELAY_MS) + Number(DRAIN_MS_MAX) + 10_000;
const otherMsMax = 5_000;

/** nginx stops accepting, replicas drain, then Redis stops. Returns what was running. */
export async function stopFleet(stateFolder: string): Promise<Running[]> {
  const running = listRunning(stateFolder);
  const nginx = running.filter(({ name }) => name === 'nginx');
  const redis = running.filter(({ name }) => name === 'redis');
  const replicas = running.filter((one) => !nginx.includes(one) && !redis.includes(one));
  const end = (some: Running[], msMax: number) =>
    Promise.all(some.map((one) => awaitEnd(one, msMax)));

  for (const one of nginx) signal(one, 'SIGQUIT'); // it exits by itself after the drain
  await endReplicas(replicas);
  for (const one of [...nginx, ...redis]) signal(one, 'SIGTERM');
  await end([...nginx, ...redis], otherMsMax);
  removePidFiles(stateFolder);
  removeState(stateFolder);
  return running;
}

/** Drains replicas; resolves when they have exited. */
export async function endReplicas(replicas: Running[]): Promise<void> {
  for (const one of replicas) signal(one, 'SIGTERM');
  await Promise.all(replicas.map((one) => awaitEnd(one, replicaMsMax)));
}
