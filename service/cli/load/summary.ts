// A report in one line.
import type { Report } from './judge.ts';
import type { LoadReport } from './load.ts';

const lateMsMax = 100;
const seconds = (ms: number) => (ms / 1_000).toFixed(1);
const list = (counts: Record<string, number>, unit = '') =>
  Object.entries(counts)
    .map(([name, count]) => `${name}${unit}: ${count}`)
    .join(', ') || 'none';

export function summarize(report: Report & Partial<LoadReport>): string {
  const { delivery, awayMs, disconnects, spread, returns, lateMs } = report;
  const recovered = returns > 0 ? `${((100 * report.recovered) / returns).toFixed(1)} %` : '–';
  return [
    `${report.clients} clients`,
    `reconnects ${list(report.reconnects, '×')}`,
    `recovered ${recovered}`,
    `lost/doubled/reordered ${delivery.lost}/${delivery.doubled}/${delivery.reordered}` +
      ` of ${delivery.expected}`,
    `away p50/p99/max ${seconds(awayMs.p50)}/${seconds(awayMs.p99)}/${seconds(awayMs.max)} s`,
    `peak ${disconnects.peakPerSecond} disconnects/s over ${seconds(disconnects.spanMs)} s`,
    `connect errors ${list(report.connectErrors)}`,
    `spread ${spread.min}–${spread.max}, ±${spread.offPercent} % of ${spread.mean}`,
    ...(lateMs && lateMs.p99 > lateMsMax
      ? [`this machine is too busy: ${lateMs.p99} ms late`]
      : []),
    ...(report.away > 0 ? [`STILL AWAY ${report.away}`] : []),
  ].join(' | ');
}

/** Whether every message arrived once and in order, and everybody is back. */
export const isClean = ({ delivery, away }: Report): boolean =>
  delivery.lost + delivery.doubled + delivery.reordered + away === 0;

/** Of the table in docs/operations/rollouts.md. */
export const tableHead = `\
| event | reconnects per client | recovered | lost / doubled / reordered | away p50, p99 (s) \
| peak disconnects per s | connect errors | spread |
|---|---|---|---|---|---|---|---|
`;

export function row(event: string, report: Report): string {
  const { delivery, awayMs, disconnects, spread, returns } = report;
  const cells = [
    event,
    list(report.reconnects, ' ×'),
    returns > 0 ? `${report.recovered} of ${returns}` : '–',
    `${delivery.lost} / ${delivery.doubled} / ${delivery.reordered} of ${delivery.expected}`,
    returns > 0 ? `${seconds(awayMs.p50)}, ${seconds(awayMs.p99)}` : '–',
    disconnects.peakPerSecond,
    list({ ...report.connectErrors, ...(report.away > 0 && { 'still away': report.away }) }),
    `${spread.min}–${spread.max}, ±${Math.round(spread.offPercent)} %`,
  ];
  return `| ${cells.join(' | ')} |\n`;
}
