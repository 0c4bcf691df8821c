// `make dashboards PROMETHEUS=http://localhost:9090`: renders the dashboards without Grafana, as an
// HTML page and a screenshot.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { dashboards } from '../dashboards.ts';
import { openPrometheus } from '../prometheus.ts';
import { pageOf } from './page.ts';
import { photograph } from './photograph.ts';
import { readPicture } from './read.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '60' },
    output: { type: 'string', default: '.mooring/dashboards' },
  },
});
const [url] = positionals;
if (!url) {
  process.stderr.write('Usage: make dashboards PROMETHEUS=http://localhost:9090\n');
  process.exit(2);
}
const prometheus = openPrometheus(url);
const read = dashboards.map((one) => readPicture(prometheus, one, Number(values.minutes)));
mkdirSync(dirname(values.output), { recursive: true });
writeFileSync(`${values.output}.html`, pageOf(await Promise.all(read), url));
await photograph(`${values.output}.html`, `${values.output}.png`);
process.stdout.write(`${values.output}.html\n${values.output}.png\n`);
