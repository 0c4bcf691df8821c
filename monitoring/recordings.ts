// Recording rules: expressions that alerts share, and history that outlives replicas.
import { judgedResults, lostResults, quantile, sum, tokenCodes } from './expression.ts';

export interface Recording {
  record: string;
  expr: string;
}

const attempts = sum(`rate(mooring_recoveries_total{result=~"${judgedResults}"}[15m])`);
const lost = sum(`rate(mooring_recoveries_total{result=~"${lostResults}"}[15m])`);
const refused = sum(`rate(mooring_connects_total{result=~"${tokenCodes}"}[5m])`);
const judged = sum(`rate(mooring_connects_total{result=~"accepted|${tokenCodes}"}[5m])`);

/** Named level:metric:operations. */
export const recordings: Recording[] = [
  { record: 'job:mooring_clients:sum', expr: sum('mooring_clients') },
  {
    record: 'job:mooring_clients_limit:ratio',
    expr: `${sum('mooring_clients')} / ${sum('mooring_clients_max')}`,
  },
  {
    record: 'job:mooring_delivery_delay_seconds:p99_rate5m',
    expr: quantile(0.99, 'mooring_delivery_delay_seconds', '5m'),
  },
  {
    record: 'job:mooring_probe_delay_seconds:p99_rate5m',
    expr: quantile(0.99, 'mooring_probe_delay_seconds', '5m'),
  },
  { record: 'job:mooring_connects_refused:ratio_rate5m', expr: `${refused} / ${judged}` },
  { record: 'job:mooring_recoveries_lost:ratio_rate15m', expr: `${lost} / ${attempts}` },
];

/** Expands an expression for a Prometheus without the recording rules. */
export const withoutRecordings = (expression: string) =>
  recordings.reduce(
    (text, { record, expr }) =>
      text
        .replaceAll(new RegExp(`${record}\\[(\\w+)\\]`, 'g'), `(${expr})[$1:]`)
        .replaceAll(record, `(${expr})`),
    expression,
  );
