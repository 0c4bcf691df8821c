// What Prometheus has scraped of three replicas: a sample a minute, in promtool's notation
// (`1+2x10`: from 1, plus 2, ten times more).

type Series = Record<string, string>;

export interface Case {
  series: Series;
  /** Minutes after which the alerts are looked at. */
  at: number;
  /** Of all alerts, those that fire. */
  fires: string[];
}

export const of = (metric: string, pod = 'a', more = '') =>
  `mooring_${metric}{namespace="chat",job="mooring",instance="${pod}"${more && `,${more}`}}`;

/** Three replicas with everything in order, for an hour. */
const healthy: Series = Object.fromEntries(
  ['a', 'b', 'c'].flatMap((pod) => [
    [of('ready', pod), '1x60'],
    [`up{namespace="chat",job="mooring",instance="${pod}"}`, '1x60'],
    [of('redis_up', pod), '1x60'],
    [of('live', pod), '1x60'],
    [of('engine_refusals_total', pod, 'code="unknown_session"'), '0x60'],
    [of('draining', pod), '0x60'],
    [of('clients', pod), '100x60'],
    [of('clients_max', pod), '10000x60'],
    [of('start_time_seconds', pod), '-9000x60'], // promtool's time starts at 0
    [of('probe_failures_total', pod), '0x60'],
    [of('probe_delay_seconds_count', pod), '0+30x60'],
    [of('redis_memory_bytes', pod), '50x60'],
    [of('redis_memory_max_bytes', pod), '100x60'],
    [of('slow_consumers_total', pod), '0x60'],
    [of('overload', pod), '0x60'],
    [of('connects_total', pod, 'result="accepted"'), '0+20x60'],
    [of('connects_total', pod, 'result="invalid_token"'), '0x60'],
    [of('recoveries_total', pod, 'result="recovered"'), '0+10x60'],
    [of('recoveries_total', pod, 'result="trimmed"'), '0x60'],
    [of('messages_received_total', pod, 'event="send_message"'), '0+600x60'],
    [of('refusals_total', pod, 'code="invalid_payload"'), '0+1x60'],
    [of('delivery_delay_seconds_bucket', pod, 'le="0.01"'), '0+600x60'],
    [of('delivery_delay_seconds_bucket', pod, 'le="2.5"'), '0+600x60'],
    [of('delivery_delay_seconds_bucket', pod, 'le="+Inf"'), '0+600x60'],
  ]),
);

export const fires = (name: string, at: number, series: Series, others: string[] = []): Case => ({
  series: { ...healthy, ...series },
  at,
  fires: [name, ...others].sort(),
});
export const quiet = (at: number, series: Series): Case => ({
  series: { ...healthy, ...series },
  at,
  fires: [],
});

export const allPods = (metric: string, values: string, more = ''): Series =>
  Object.fromEntries(['a', 'b', 'c'].map((pod) => [of(metric, pod, more), values]));
export const gone = Object.fromEntries(Object.keys(healthy).map((name) => [name, '1x10']));
const autoscaler = 'kube_horizontalpodautoscaler';
const mine = '{namespace="chat",horizontalpodautoscaler="mooring"}';
/** An autoscaler with as many pods, of as many. */
export const scaled = (current: number, max: number): Series => ({
  [`${autoscaler}_status_current_replicas${mine}`]: `${current}x60`,
  [`${autoscaler}_spec_max_replicas${mine}`]: `${max}x60`,
});
