// `make generate`: runs every npm script named `generate:...`, in the order of package.json.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Record<string, string>;
};
for (const name of Object.keys(scripts).filter((script) => script.startsWith('generate:'))) {
  process.stdout.write(`${name}\n`);
  const { status } = spawnSync('npm', ['run', '--silent', name], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
