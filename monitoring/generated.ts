// What is generated from the sources in this folder: file by file, as it should be.
import { dashboards } from './dashboards.ts';
import { toGrafana } from './grafana.ts';
import { ruleFile } from './rules.ts';
import { runbooksDashboard } from './runbooks.ts';

const chart = 'charts/mooring';

/**
 * Path to content.
 * @param published where the pages of docs/operations/runbooks can be read; else the path here
 */
export function generated(published?: string): Map<string, string> {
  const { uid, content } = runbooksDashboard();
  return new Map([
    [`${chart}/rules/mooring.yaml`, ruleFile(published)],
    [`${chart}/dashboards/${uid}.json`, content],
    ...dashboards.map((one) => [`${chart}/dashboards/${one.uid}.json`, toGrafana(one)] as const),
  ]);
}
