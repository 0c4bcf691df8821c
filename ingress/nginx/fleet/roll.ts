// Replicas in place of others, without a client noticing more than one reconnect: another release
// beside the old one, or more or fewer of the same. Works on what any terminal has started.
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
const agreeingAnswers = 10; // old workers take connections for a moment after new ones do
const emptyMsMax = 60_000;
const pollMs = 50;

interface Roll extends Change {
  stateFolder: string;
  /** More variables for the replicas that start, beside those of `make up`. */
  environment?: Record<string, string>;
  print?: (line: string) => void;
  /** Gives up and undoes what was begun, as long as nginx knows nothing of it. */
  aborted?: AbortSignal;
}

/** Resolves when those that leave have ended. What fails before nginx knows changes nothing. */
export async function rollFleet(roll: Roll): Promise<Plan> {
  const { stateFolder, print = () => {}, release } = roll;
  const state = readState(stateFolder);
  await endLeaving(stateFolder, state.leaving); // of a roll that is under way, or did not finish
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
  print(`nginx sends newcomers to ${namesOf(serving)}`);
  const [newcomer] = replicas;
  if (release !== undefined && newcomer) {
    const connections = () => {
      const names = runningOf(stateFolder, leaving).map(({ name }) => name);
      return connectionsOf(newcomer, state.apiKey, names);
    };
    await untilEmpty(connections, print);
  }
  await endLeaving(stateFolder, leaving);
  if (leaving.length > 0) print(`Ended ${namesOf(leaving)}`);
  return plan;
}

async function endLeaving(stateFolder: string, leaving: Placement[]) {
  if (leaving.length === 0) return;
  await endReplicas(runningOf(stateFolder, leaving));
  const { jwtSecret, apiKey, ...state } = readState(stateFolder); // another roll may have begun
  const ended = new Set(leaving.map(({ number }) => number));
  const left = state.leaving.filter(({ number }) => !ended.has(number));
  writeState(stateFolder, { ...state, leaving: left });
}

const namesOf = (placements: Placement[]) => placements.map(replicaName).join(', ');

function runningOf(stateFolder: string, placements: Placement[]) {
  const names = placements.map(replicaName);
  return listRunning(stateFolder).filter(({ name }) => names.includes(name));
}

/** Resolves when no worker takes connections by the old list any more. */
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

/** The old release closes its connections by itself once it sees that the new one is settled. */
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
      print(`${left} connections are still with the old release`);
    }
    shown = left;
    await sleep(1_000);
  }
  print(`They are still there after ${emptyMsMax / 1_000} s and go with it`);
}

/** `undefined` while this replica has not heard of all of them. */
async function connectionsOf({ operations }: Replica, apiKey: string, names: string[]) {
  const headers = { Authorization: `Bearer ${apiKey}` };
  const answer = await fetch(`${operations}/v1/pods`, { headers });
  const { pods } = (await answer.json()) as { pods: { pod: string; connections: number }[] };
  const asked = pods.filter(({ pod }) => names.includes(pod));
  if (asked.length < names.length) return undefined;
  return asked.reduce((sum, { connections }) => sum + connections, 0);
}
