import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { helpMarkdown, helpText } from '../../service/cli/help.ts';
import { startProcess } from '../harness/service.ts';

const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].concat(
  ['docs', 'charts/mooring'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) =>
      name.endsWith('.md') ? join(folder, name) : [],
    ),
  ),
);

describe('documentation', () => {
  it('of the configuration is what the schema says; else run `npm run docs`', () => {
    expect(readFileSync('docs/reference/configuration.md', 'utf8')).toBe(helpMarkdown());
  });

  it.each(pages)('%s links to nothing that is not there', (page) => {
    const text = readFileSync(page, 'utf8');
    const targets = [...text.matchAll(/\]\(([^)#\s]+)/g)].map(([, target]) => target as string);
    const local = targets.filter((target) => !/^https?:/.test(target));
    expect(local.filter((target) => !existsSync(join(dirname(page), target)))).toEqual([]);
  });
});

describe('the command line', () => {
  it('shows every variable with --help', async () => {
    const service = await startProcess({}, []);
    service.child.kill('SIGKILL');
    expect(helpText()).toMatch(/JWT_SECRET {2,}HMAC secret/);
    expect(helpText()).toMatch(/PORT .*\[3000\]/);
  });

  it('says what is wrong with the environment and exits 1', async () => {
    const service = await startProcess({ JWT_SECRET: 'short', WORKERS: 'many' });
    expect((await service.exited)[0]).toBe(1);
    expect(service.output()).toContain('JWT_SECRET must be at least 32 bytes long');
    expect(service.output()).toContain('WORKERS must be a whole number');
    expect(service.output()).not.toContain('short');
  });
});
