// The files that are generated from the charts' values.
import { join } from 'node:path';
import { referenceOf, type Section } from './reference.ts';
import { schemaOf } from './schema.ts';
import { flatten, readValues, type Value } from './values.ts';

const root = join(import.meta.dirname, '../mooring');
export const charts = {
  mooring: root,
  redis: join(root, 'charts/redis'),
  'ingress-nginx': join(root, 'charts/ingress-nginx'),
};
const subcharts = ['redis', 'ingress-nginx'];

/** Maps each path to its content. */
export function generated(): Map<string, string> {
  const files = new Map<string, string>();
  const valuesOf = (folder: string) => readValues(join(folder, 'values.yaml'));
  for (const [name, folder] of Object.entries(charts)) {
    const schema = schemaOf(name, valuesOf(folder), name === 'mooring' ? subcharts : []);
    files.set(join(folder, 'values.schema.json'), `${JSON.stringify(schema, null, 2)}\n`);
  }
  // `enabled` of a subchart is documented with the parent, which reads it.
  const ofSubchart = (name: 'redis' | 'ingress-nginx') => ({
    title: name === 'redis' ? 'The Redis of the release' : 'The ingress-nginx controller',
    prefix: `${name}.`,
    values: valuesOf(charts[name]).filter(({ path }) => path[0] !== 'enabled'),
  });
  const own = groupsOf(valuesOf(charts.mooring));
  const page = referenceOf([...own, ofSubchart('redis'), ofSubchart('ingress-nginx')]);
  files.set(join(root, '../../docs/reference/values.md'), page);
  return files;
}

/** Grouped by topic. */
function groupsOf(values: Value[]): Section[] {
  const groups: Section[] = [];
  for (const value of values) {
    if (value.group) groups.push({ title: value.group, prefix: '', values: [] });
    groups.at(-1)?.values.push(value);
  }
  return groups;
}

/** Names of all values of the parent chart that a template can read. */
export function valueNames(chart: keyof typeof charts): string[] {
  const values = flatten(readValues(join(charts[chart], 'values.yaml')));
  return values.filter(({ children }) => !children).map(({ path }) => path.join('.'));
}
