// Whether every expression has data, on a Prometheus that scrapes an install under load.
import { dashboards } from './dashboards.ts';
import { filled, openPrometheus, type Prometheus } from './prometheus.ts';
import { recordings } from './recordings.ts';
import { alerts } from './rules.ts';

/** What only clusters with kube-state-metrics have. */
const optional = /^kube_/;

/**
 * Names every expression that has no data, though nothing says that it may have none: those of
 * panels and recording rules, and each metric that an alert asks for. An empty list is good.
 * @param prometheusUrl with at least two scrapes
 * @param rateInterval four times the scrape interval, or more
 */
export async function verifyExpressions(
  prometheusUrl: string,
  rateInterval = '1m',
): Promise<string[]> {
  const prometheus = openPrometheus(prometheusUrl);
  const answers = [
    ...ofPanels().map(({ where, expr, needs }) =>
      look(prometheus, where, filled(expr, rateInterval), needs),
    ),
    ...recordings.map(({ record, expr }) => look(prometheus, record, expr, 'samples')),
    ...alerts.flatMap(({ name, expr }) => [
      look(prometheus, name, expr, 'nothing'), // true of an alert means that something is wrong
      ...metricsOf(expr).map((metric) => look(prometheus, name, `count(${metric})`, 'numbers')),
    ]),
  ];
  return (await Promise.all(answers)).filter((problem) => problem !== undefined);
}

/**
 * The alerts whose expression is true now, whatever they wait for.
 * @param changed may shorten windows, for who cannot wait
 */
export async function trueAlerts(
  prometheusUrl: string,
  changed = (expr: string) => expr,
): Promise<string[]> {
  const prometheus = openPrometheus(prometheusUrl);
  const answers = await Promise.all(
    alerts.map(async ({ name, expr }) => {
      const samples = await prometheus.now(changed(expr));
      return samples.length > 0 ? name : '';
    }),
  );
  return answers.filter(Boolean);
}

/** Samples may be NaN: a share of nothing, a quantile of nothing. */
type Needs = 'numbers' | 'samples' | 'nothing';

async function look(prometheus: Prometheus, where: string, expr: string, needs: Needs) {
  try {
    const samples = await prometheus.now(expr);
    const wanted = samples.filter(({ value }) => needs !== 'numbers' || !Number.isNaN(value));
    if (wanted.length === 0 && needs !== 'nothing') return `${where}: no data: ${expr}`;
  } catch (error) {
    return `${where}: ${error instanceof Error ? error.message : error}`;
  }
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
