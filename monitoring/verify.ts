// Checks that every expression returns data, on a Prometheus that scrapes an install under load.
import { alerts } from './alerts.ts';
import { dashboards } from './dashboards.ts';
import { filled, openPrometheus, type Prometheus, type Sample } from './prometheus.ts';
import { recordings, withoutRecordings } from './recordings.ts';

/** Metrics that need kube-state-metrics. */
const optional = /^kube_/;

/** Which installs to check. */
export interface Scope {
  /** One namespace; default: all. */
  namespace?: string;
  /** If the rule file is not loaded, recordings are expanded. */
  rulesLoaded?: boolean;
}

/**
 * Lists every expression that unexpectedly has no data: those of panels and recording rules, and
 * each metric that an alert uses. An empty list is good.
 * @param prometheusUrl must have at least two scrapes
 * @param rateInterval at least four times the scrape interval
 */
export async function verifyExpressions(
  prometheusUrl: string,
  rateInterval = '1m',
  { namespace, rulesLoaded = true }: Scope = {},
): Promise<string[]> {
  const look = looker(openPrometheus(prometheusUrl), namespace);
  const asked = rulesLoaded ? (expr: string) => expr : withoutRecordings;
  const answers = [
    ...ofPanels().map(({ where, expr, needs }) =>
      look(where, filled(expr, rateInterval, namespace), needs),
    ),
    ...recordings.map(({ record, expr }) => look(record, expr, 'samples')),
    ...alerts.flatMap(({ name, expr }) => [
      look(name, asked(expr), 'nothing'), // an alert returns data only when something is wrong
      ...metricsOf(expr).map((metric) =>
        look(name, `count by (namespace) (${asked(metric)})`, 'numbers'),
      ),
    ]),
  ];
  return (await Promise.all(answers)).filter((problem) => problem !== undefined);
}

/**
 * The alerts whose expression is true now, regardless of `for`.
 * @param changed may shorten windows, so that tests need not wait
 */
export async function trueAlerts(
  prometheusUrl: string,
  changed = (expr: string) => expr,
  { namespace, rulesLoaded = true }: Scope = {},
): Promise<string[]> {
  const prometheus = openPrometheus(prometheusUrl);
  const answers = await Promise.all(
    alerts.map(async ({ name, expr }) => {
      const asked = changed(rulesLoaded ? expr : withoutRecordings(expr));
      const samples = (await prometheus.now(asked)).filter(isOf(namespace));
      return samples.length > 0 ? name : '';
    }),
  );
  return answers.filter(Boolean);
}

/** Results of panels have no namespace label: their expression selects it. */
const isOf =
  (namespace: string | undefined) =>
  ({ labels }: Sample) =>
    !namespace || !labels.namespace || labels.namespace === namespace;

/** Samples may be NaN, for example a quantile without observations. */
type Needs = 'numbers' | 'samples' | 'nothing';

function looker(prometheus: Prometheus, namespace: string | undefined) {
  return async (where: string, expr: string, needs: Needs) => {
    try {
      const samples = (await prometheus.now(expr)).filter(isOf(namespace));
      const wanted = samples.filter(({ value }) => needs !== 'numbers' || !Number.isNaN(value));
      if (wanted.length === 0 && needs !== 'nothing') return `${where}: no data: ${expr}`;
    } catch (error) {
      return `${where}: ${error instanceof Error ? error.message : error}`;
    }
  };
}

const ofPanels = () =>
  dashboards.flatMap(({ title, rows }) =>
    rows.flatMap(({ panels }) =>
      panels.flatMap((panel) =>
        panel.queries.map(({ expr }) => ({
          where: `${title}, ${panel.title}`,
          expr,
          needs: panel.empty === undefined ? ('numbers' as const) : ('nothing' as const),
        })),
      ),
    ),
  );

const metricsOf = (expr: string) =>
  (expr.match(/\b(mooring_\w+|job:\w+:\w+|kube_\w+)/g) ?? []).filter(
    (name) => !optional.test(name),
  );
