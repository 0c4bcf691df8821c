// Writes the rules and the dashboards; `make generate` runs it. Without Helm, write them elsewhere:
// `node monitoring/write.ts --runbooks https://wiki.example/mooring --output FOLDER`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { generated } from './generated.ts';

const { values } = parseArgs({
  options: { runbooks: { type: 'string' }, output: { type: 'string' } },
});
const { runbooks, output } = values;
if (runbooks !== undefined && output === undefined) {
  process.stderr.write(
    '--runbooks needs --output: the files in the chart must not contain your URL\n',
  );
  process.exit(2);
}
for (const [file, content] of generated(runbooks)) {
  const path = output === undefined ? file : join(output, file.replace(/^charts\/mooring\//, ''));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
