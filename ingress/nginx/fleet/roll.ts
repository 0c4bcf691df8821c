// Rolls out another release, or scales, with at most one reconnect per client. The fleet may have
// been started in any terminal.
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../../../tools/problem.ts';
import { listRunning, signal } from '../../../tools/processes.ts';
import { requirePrograms } from '../../../tools/programs.ts';
import { type Change, type Plan, planChange } from './plan.ts';
import { checkProxy, writeProxy } from './proxy.ts';
import { createReplica, type Replica, replicaName } from './replica.ts';
import { type FleetState, type Placement, readState, writeState } from './state.ts';
import { endReplicas } from './stop.ts';

const reloadMsMax = 10_000;
const agreeingAnswers = 10; // old nginx workers still accept connections for a moment
const emptyMsMax = 60_000;
const pollMs = 50;

interface Roll extends Change {
  stateFolder: string;
  /** Environment of the new replicas, in addition to that of `make up`. */
  environment?: Record<string, string>;
  print?: (line: string) => void;
  /** Aborts and rolls back, until nginx uses the new replicas. */
  aborted?: AbortSignal;
}

/** Resolves when the old replicas have exited. A failure before the reload changes nothing. */
export async function rollFleet(roll: Roll): Promise<Plan> {
  const { stateFolder, print = () => {}, release } = roll;
  const state = readState(stateFolder);
  await endLeaving(stateFolder, state.leaving); // of an unfinished rollout
  const environment = { ...state.environment, ...roll.environment };
  const plan = planChange(state, roll);
  const { ports } = state;
  const options = { stateFolder, ports, environment };
  const replicas = plan.starting.map((placement) => createReplica(options, placement, state));
  try {
    if (replicas.length > 0) print(`Starting ${namesOf(plan.starting)} ...`);
    await Promise.all(replicas.map((replica) => replica.start(roll.aborted)));
    roll.aborted?.throwIfAborted();
    await reloadProxy(stateFolder, state, plan);
  } catch (error) {
    await endReplicas(runningOf(stateFolder, plan.starting));
    throw error;
  }
  const { serving, leaving } = plan;
  const lastNumber = state.lastNumber + plan.starting.length;
  writeState(stateFolder, { ports, environment, serving, leaving, lastNumber });
  print(`nginx sends new clients to ${namesOf(serving)}`);
  const [observer] = replicas;
  if (release !== undefined && observer) {
    const connections = () => {
      const names = runningOf(stateFolder, leaving).map(({ name }) => name);
      return connectionsOf(observer, state.apiKey, names);
    };
    await untilEmpty(connections, print);
  }
  await endLeaving(stateFolder, leaving);
  if (leaving.length > 0) print(`Stopped ${namesOf(leaving)}`);
  return plan;
}

async function endLeaving(stateFolder: string, leaving: Placement[]) {
  if (leaving.length === 0) return;
  await endReplicas(runningOf(stateFolder, leaving));
  const { jwtSecret, apiKey, ...state } = readState(stateFolder); // may have changed meanwhile
  const ended = new Set(leaving.map(({ number }) => number));
  const left = state.leaving.filter(({ number }) => !ended.has(number));
  writeState(stateFolder, { ...state, leaving: left });
}

const namesOf = (placements: Placement[]) => placements.map(replicaName).join(', ');

function runningOf(stateFolder: string, placements: Placement[]) {
  const names = placements.map(replicaName);
  return listRunning(stateFolder).filter(({ name }) => names.includes(name));
}

/** Resolves when every nginx worker uses the new configuration. */
async function reloadProxy(stateFolder: string, { ports, ...state }: FleetState, plan: Plan) {
  const portsOf = (placements: Placement[]) =>
    placements.map(({ slot }) => ports.replicas[slot] as number);
  const { proxy } = ports;
  const serving = portsOf(plan.serving);
  const master = listRunning(stateFolder).find(({ name }) => name === 'nginx');
  if (!master) throw new Problem('nginx is not running.');
  const { nginx } = await requirePrograms(['nginx'], false);
  try {
    writeProxy(stateFolder, { proxy, serving, leaving: portsOf(plan.leaving) });
    checkProxy(stateFolder, nginx);
  } catch (error) {
    writeProxy(stateFolder, { proxy, serving: portsOf(state.serving) });
    throw error;
  }
  signal(master, 'SIGHUP');
  const deadline = Date.now() + reloadMsMax;
  for (let agreeing = 0; agreeing < agreeingAnswers; ) {
    if (Date.now() > deadline) throw new Problem('nginx did not reload; see its log.');
    const answer = await fetch(`http://127.0.0.1:${proxy}/nginx-health`).catch(() => undefined);
    const text = await answer?.text().catch(() => '');
    agreeing = text?.trim() === `ok ${serving.join(' ')}` ? agreeing + 1 : 0;
    await sleep(pollMs);
  }
}

/** Waits while the old release yields its connections to the new one. */
async function untilEmpty(
  connections: () => Promise<number | undefined>,
  print: (line: string) => void,
) {
  const deadline = Date.now() + emptyMsMax;
  let shown: number | undefined;
  while (Date.now() < deadline) {
    const left = await connections();
    if (left === 0) return;
    if (left !== undefined && left !== shown) {
      print(`${left} ${left === 1 ? 'connection is' : 'connections are'} left on the old release`);
    }
    shown = left;
    await sleep(1_000);
  }
  print(`Connections are left after ${emptyMsMax / 1_000} s; stopping the old release anyway`);
}

/** `undefined` while this replica does not know all of them yet. */
async function connectionsOf({ operations }: Replica, apiKey: string, names: string[]) {
  const headers = { Authorization: `Bearer ${apiKey}` };
  const answer = await fetch(`${operations}/v1/pods`, { headers });
  const { pods } = (await answer.json()) as { pods: { pod: string; connections: number }[] };
  const asked = pods.filter(({ pod }) => names.includes(pod));
  if (asked.length < names.length) return undefined;
  return asked.reduce((sum, { connections }) => sum + connections, 0);
}
