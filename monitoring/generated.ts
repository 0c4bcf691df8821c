// The files that are generated from this folder.
import { dashboards } from './dashboards.ts';
import { toGrafana } from './grafana.ts';
import { ruleFile } from './rules.ts';
import { runbooksDashboard } from './runbooks.ts';

const chart = 'charts/mooring';

/**
 * Maps each path to its content.
 * @param published URL of the published runbooks; default: their path in the repository
 */
export function generated(published?: string): Map<string, string> {
  const { uid, content } = runbooksDashboard();
  return new Map([
    [`${chart}/rules/mooring.yaml`, ruleFile(published)],
    [`${chart}/dashboards/${uid}.json`, content],
    ...dashboards.map((one) => [`${chart}/dashboards/${one.uid}.json`, toGrafana(one)] as const),
  ]);
}
