// The report as one line, and as a row of the table in docs/operations/rollouts.md.
import type { Report } from './judge.ts';
import type { LoadReport } from './load.ts';

const lateMsMax = 100;
const seconds = (ms: number) => (ms / 1_000).toFixed(1);
const list = (counts: Record<string, number>, unit = '') =>
  Object.entries(counts)
    .map(([name, count]) => `${name}${unit}: ${count}`)
    .join(', ') || 'none';

export function summarize(report: Report & Partial<LoadReport>): string {
  const { delivery, reconnectMs, disconnects, spread, returns, lateMs } = report;
  const { p50, p99, max } = reconnectMs;
  const recovered = returns > 0 ? `${((100 * report.recovered) / returns).toFixed(1)} %` : '–';
  return [
    `${report.clients} clients`,
    `reconnects ${list(report.reconnects, '×')}`,
    `recovered ${recovered}`,
    `lost/duplicated/reordered ${delivery.lost}/${delivery.duplicated}/${delivery.reordered}` +
      ` of ${delivery.expected}`,
    `time to reconnect p50/p99/max ${[p50, p99, max].map(seconds).join('/')} s`,
    `peak ${disconnects.peakPerSecond} disconnects/s over ${seconds(disconnects.spanMs)} s`,
    `connect errors ${list(report.connectErrors)}`,
    `spread ${spread.min}–${spread.max}, ±${spread.offPercent} % of ${spread.mean}`,
    ...(lateMs && lateMs.p99 > lateMsMax
      ? [`this machine is overloaded: event loop delay p99 ${lateMs.p99} ms`]
      : []),
    ...(report.notConnected > 0 ? [`NOT CONNECTED ${report.notConnected}`] : []),
  ].join(' | ');
}

/** Whether every message arrived once and in order, and every client is connected. */
export const isClean = ({ delivery, notConnected }: Report): boolean =>
  delivery.lost + delivery.duplicated + delivery.reordered + notConnected === 0;

export const tableHead = `\
| event | reconnects per client | recovered | lost / duplicated / reordered \
| time to reconnect p50, p99 (s) | peak disconnects per s | connect errors | spread |
|---|---|---|---|---|---|---|---|
`;

export function row(event: string, report: Report): string {
  const { delivery, reconnectMs, disconnects, spread, returns } = report;
  const cells = [
    event,
    list(report.reconnects, ' ×'),
    returns > 0 ? `${report.recovered} of ${returns}` : '–',
    `${delivery.lost} / ${delivery.duplicated} / ${delivery.reordered} of ${delivery.expected}`,
    returns > 0 ? `${seconds(reconnectMs.p50)}, ${seconds(reconnectMs.p99)}` : '–',
    disconnects.peakPerSecond,
    list({
      ...report.connectErrors,
      ...(report.notConnected > 0 && { 'not connected': report.notConnected }),
    }),
    `${spread.min}–${spread.max}, ±${Math.round(spread.offPercent)} %`,
  ];
  return `| ${cells.join(' | ')} |\n`;
}
