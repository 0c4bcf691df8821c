// `make test T=pattern`: the test files whose path matches, else the tests whose title matches.
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';

const [pattern = '', ...options] = process.argv.slice(2);
const matches = (text: string) => new RegExp(pattern, 'i').test(text);
const files = globSync(['test/**/*.test.ts', 'service/adapter/test/**/*.test.ts']);
const byPath = files.filter(matches);
// A title made from a template is not in its file as it reads, so no match means: look everywhere.
const byText = files.filter((file) => matches(readFileSync(file, 'utf8')));
const chosen = byPath.length > 0 ? byPath : [...byText, '-t', pattern];
const vitest = ['node_modules/.bin/vitest', 'run', ...chosen, ...options];
const { status } = spawnSync(process.execPath, vitest, { stdio: 'inherit' });
process.exitCode = status ?? 1;
