// A client of the Prometheus HTTP API.

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export interface Series {
  labels: Record<string, string>;
  /** Epoch seconds and values. */
  points: [number, number][];
}

interface Answer {
  status: string;
  error?: string;
  data: { result: RawSeries[] };
}

interface RawSeries {
  metric: Record<string, string>;
  value: [number, string];
  values: [number, string][];
}

export type Prometheus = ReturnType<typeof openPrometheus>;

/** @param url the base URL; both functions throw errors of Prometheus */
export function openPrometheus(url: string) {
  const ask = async (path: string, parameters: Record<string, string>) => {
    const body = new URLSearchParams(parameters);
    const response = await fetch(new URL(`/api/v1/${path}`, url), { method: 'POST', body });
    const answer = (await response.json()) as Answer;
    if (answer.status !== 'success') throw new Error(`${answer.error}: ${parameters.query}`);
    return answer.data.result;
  };
  return {
    async now(query: string): Promise<Sample[]> {
      const result = await ask('query', { query });
      return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    /** @param span start, end and step in epoch seconds */
    async range(query: string, span: { start: number; end: number; step: number }) {
      const { start, end, step } = span;
      const times = { start: String(start), end: String(end), step: String(step) };
      const result = await ask('query_range', { query, ...times });
      return result.map(
        ({ metric, values }): Series => ({
          labels: metric,
          points: values.map(([at, value]) => [at, Number(value)]),
        }),
      );
    },
  };
}

/** Replaces the Grafana variables of an expression, by default selecting every install. */
export const filled = (expr: string, rateInterval: string, namespace = '.*') =>
  expr
    .replaceAll('$__rate_interval', rateInterval)
    .replaceAll('$namespace', namespace)
    .replaceAll('$job', '.*');
