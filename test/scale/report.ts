// The phases of a run as the rows of a table, and whether everything was as it must be.
import type { Phase } from './phase.ts';

const podBytesMax = 1024 ** 3; // the memory limit of the chart
const megabytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MB`;
const seconds = (ms: number) => (ms / 1_000).toFixed(1);
const cores = (share: number) => share.toFixed(2);

export const tableHead = `\
| fault | live again (s), CPU of the pods | lost / duplicated / reordered / foreign of expected \
| witnesses | disconnects, not recovered | time to reconnect p50, p99, max (s) \
| pod: event loop lag, memory, cores | Redis: memory, cores, commands/s | generator: cores, memory |
|---|---|---|---|---|---|---|---|---|`;

export function row({ raw, witnesses: stock, costs, ...phase }: Phase): string {
  const { p50, p99, max } = phase.reconnectMs;
  const cells = [
    phase.fault,
    `${seconds(phase.liveMs)} of ${seconds(phase.liveMsMax)}, ${phase.liveCpuSeconds.toFixed(1)} s`,
    `${raw.lost} / ${raw.duplicated} / ${raw.reordered} / ${raw.foreign} of ${raw.expected}`,
    `${stock.lost} / ${stock.duplicated} / ${stock.reordered} of ${stock.expected}`,
    `${phase.disconnects}, ${phase.unrecovered}`,
    phase.disconnects > 0 ? [p50, p99, max].map(seconds).join(', ') : '–',
    `${Math.round(costs.lagMs)} ms, ${megabytes(costs.podBytes)}, ${cores(costs.podCores)}`,
    `${megabytes(costs.redisBytes)}, ${cores(costs.redisCores)}, ${costs.redisCommandsPerSecond}`,
    `${cores(costs.generatorCores)}, ${megabytes(costs.generatorBytes)}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Everything that must not be. */
export function violationsOf(phase: Phase): string[] {
  const { raw, witnesses, unrecovered, costs, problems } = phase;
  const wrong = [raw, witnesses].flatMap(({ lost, duplicated, reordered }, i) => {
    const sum = lost + duplicated + reordered;
    return sum > 0 ? `${i === 0 ? 'raw clients' : 'witnesses'}: ${sum} messages` : [];
  });
  if (raw.foreign > 0) wrong.push(`${raw.foreign} messages of rooms without membership`);
  if (unrecovered > 0) wrong.push(`${unrecovered} clients were not recovered`);
  if (costs.podBytes > podBytesMax) wrong.push(`a pod used ${megabytes(costs.podBytes)}`);
  return [...wrong, ...problems].map((text) => `${phase.fault}: ${text}`);
}
