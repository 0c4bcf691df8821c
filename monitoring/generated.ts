// What is generated from the sources in this folder: file by file, as it should be.
import { dashboards } from './dashboards.ts';
import { toGrafana } from './grafana.ts';
import { ruleFile } from './rules.ts';

const chart = 'charts/mooring';

/** Path to content. */
export function generated(): Map<string, string> {
  return new Map([
    [`${chart}/rules/mooring.yaml`, ruleFile()],
    ...dashboards.map((one) => [`${chart}/dashboards/${one.uid}.json`, toGrafana(one)] as const),
  ]);
}
