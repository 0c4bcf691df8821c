import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { helpMarkdown, helpText } from '../../service/cli/help.ts';
import { secret, startProcess } from '../harness/service.ts';
import { trackedFiles } from './words.ts';

const pages = trackedFiles().filter((path) => path.endsWith('.md') && existsSync(path));

describe('documentation', () => {
  it('of the configuration is what the schema says; else run `make generate`', () => {
    expect(readFileSync('docs/reference/configuration.md', 'utf8')).toBe(helpMarkdown());
  });

  it.each(pages)('%s links to nothing that is not there', (page) => {
    const text = readFileSync(page, 'utf8');
    const targets = [...text.matchAll(/\]\(([^)#\s]+)/g)].map(([, target]) => target as string);
    const local = targets.filter((target) => !/^https?:/.test(target));
    expect(local.filter((target) => !existsSync(join(dirname(page), target)))).toEqual([]);
  });

  it.each(pages)('%s links to no heading that is not there', (page) => {
    const text = readFileSync(page, 'utf8');
    const targets = [...text.matchAll(/\]\(([^)#\s]*)#([^)\s]+)\)/g)];
    const broken = targets.filter(([, file = '', anchor = '']) => {
      if (/^https?:/.test(file)) return false;
      const target = file === '' ? page : join(dirname(page), file);
      return target.endsWith('.md') && !anchorsOf(target).includes(anchor);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  it('gives every page of docs/ a line in the index', () => {
    const index = readFileSync('docs/README.md', 'utf8');
    const indexed = [...index.matchAll(/\]\(([^)#\s]+)/g)].map(([, target]) =>
      join('docs', target as string),
    );
    const listed = (page: string) =>
      indexed.includes(page) || indexed.includes(join(dirname(page), 'README.md'));
    const unlisted = pages.filter((page) => page.startsWith('docs/') && !listed(page));
    expect(unlisted.filter((page) => page !== 'docs/README.md')).toEqual([]);
  });
});

describe('what the pages name', () => {
  const code = pages.flatMap((page) => {
    const text = readFileSync(page, 'utf8');
    return [...text.matchAll(/^ *```.*?^ *```|`[^`\n]+`/gms)].map(([part]) => ({ page, part }));
  });
  const named = (pattern: RegExp) =>
    code.flatMap(({ page, part }) =>
      [...part.matchAll(pattern)].map(([, name = '']) => ({ page, name })),
    );

  it('as a make target is in the Makefile', () => {
    const targets = [...readFileSync('Makefile', 'utf8').matchAll(/^([a-z0-9-]+):/gm)];
    const known = targets.map(([, target]) => target);
    const uses = named(/(?:^|[`\s(])make ([a-z][a-z0-9-]*)/gm);
    expect(uses.length).toBeGreaterThan(20);
    expect(uses.filter(({ name }) => !known.includes(name))).toEqual([]);
  });

  it('as an npm script is in package.json', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
    const uses = named(/\bnpm run (?:-s |--silent )?([a-z0-9:-]+)/g);
    expect(uses).not.toEqual([]);
    expect(uses.filter(({ name }) => !(name in scripts))).toEqual([]);
  });

  it('as a metric is in the contract', () => {
    const contract = readFileSync('docs/reference/contract.md', 'utf8');
    const uses = named(/\bmooring_([a-z_]+[a-z])\b/g);
    expect(uses.length).toBeGreaterThan(20);
    const base = (name: string) => name.replace(/_(bucket|sum|count)$/, '');
    expect(uses.filter(({ name }) => !contract.includes(`\`${base(name)}\``))).toEqual([]);
  });
});

describe('the code map of ARCHITECTURE.md', () => {
  const rows = readFileSync('ARCHITECTURE.md', 'utf8').matchAll(/^\| `([\w./-]+)` \| (.+) \|$/gm);
  const places = [...rows].map(([, place = '', purpose = '']) => ({ place, purpose }));

  it('has exactly one line for every folder of the service, one and two levels deep', () => {
    const mapped = places.flatMap(({ place }) => (/^service\/.+\/$/.test(place) ? place : []));
    expect(mapped.toSorted()).toEqual(serviceFolders().toSorted());
  });

  it('names nothing that is not there', () => {
    expect(places.map(({ place }) => place).filter((place) => !existsSync(place))).toEqual([]);
  });

  it('states a purpose on each line', () => {
    for (const { purpose } of places) expect(purpose.length).toBeGreaterThan(10);
  });
});

/** The folders of `service/` and of its rooms, without those that hold tests. */
function serviceFolders(): string[] {
  const folders = trackedFiles()
    .filter((path) => existsSync(path))
    .flatMap((path) => {
      const [, room, inner] = /^service\/(\w+)\/(?:(\w+)\/)?/.exec(path) ?? [];
      if (!room) return [];
      return inner && inner !== 'test' ? [`${room}/`, `${room}/${inner}/`] : [`${room}/`];
    });
  return [...new Set(folders)].map((folder) => `service/${folder}`);
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): string[] {
  if (!existsSync(page)) return [];
  const text = readFileSync(page, 'utf8').replace(/^```.*?^```/gms, '');
  const seen = new Map<string, number>();
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    return before === 0 ? slug : `${slug}-${before}`;
  });
}

describe('the command line', () => {
  it('shows every variable with --help', () => {
    const command = ['service/main.ts', '--help'];
    expect(spawnSync(process.execPath, command).stdout.toString().trim()).toBe(helpText().trim());
    expect(helpText()).toMatch(/JWT_SECRET {2,}HMAC secret/);
    expect(helpText()).toMatch(/PORT .*\[3000\]/);
  });

  it.each([
    [
      ['check', 'https://chat.example.com', '--quick', '--help'],
      /^Usage:\n\n {2}mooring check URL/,
    ],
    [['trace', '--help'], /^Usage:\n\n {2}mooring trace --user USER/],
    [['token', '--help'], /^Usage:\n\n {2}mooring token --sub USER/],
  ])('shows the options of one command with %j', (args, usage) => {
    const { status, stdout } = spawnSync(process.execPath, ['service/main.ts', ...args]);
    expect(status).toBe(0);
    expect(stdout.toString()).toMatch(usage);
    expect(stdout.toString()).not.toContain('REDIS_URL');
  });

  it('refuses a command that does not exist, with --help as well', () => {
    const command = ['service/main.ts', 'load', '--help'];
    const { status, stderr } = spawnSync(process.execPath, command);
    expect([status, stderr.toString()]).toEqual([1, 'Unknown command: load; see --help\n']);
  });

  it.each([
    [['--unknown'], 1],
    [['check', 'https://chat.example.com', '--unknown'], 2],
    [['token', '--unknown'], 1],
  ])('names the option that does not exist in %j, and nothing else', (args, code) => {
    const { status, stderr } = spawnSync(process.execPath, ['service/main.ts', ...args]);
    expect(stderr.toString()).toBe("Unknown option '--unknown'; see --help\n");
    expect(status).toBe(code);
  });

  it.each([
    [['token', '--sub', 'alice'], /^token needs JWT_SECRET; .* your issuer signs tokens\n$/],
    [['check', 'http://127.0.0.1:1'], /^check needs JWT_SECRET or --token-file; .*\n$/],
  ])('says how %j gets its token', (args, sentence) => {
    const { stderr } = spawnSync(process.execPath, ['service/main.ts', ...args]);
    expect(stderr.toString()).toMatch(sentence);
  });

  it('names the port that another process uses, and exits 1', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const env = { JWT_SECRET: secret, HOST: '127.0.0.1', OPERATIONS_PORT: String(port) };
    const service = await startProcess(env);
    expect((await service.exited)[0]).toBe(1);
    const sentence = `Port ${port} is in use: set PORT or OPERATIONS_PORT to another`;
    expect(service.output()).toContain(sentence);
  });

  it('says what is wrong with the environment and exits 1', async () => {
    const service = await startProcess({ JWT_SECRET: 'short', WORKERS: 'many' });
    expect((await service.exited)[0]).toBe(1);
    expect(service.output()).toContain('JWT_SECRET must be at least 32 bytes long');
    expect(service.output()).toContain('WORKERS must be a whole number');
    expect(service.output()).not.toContain('short');
  });
});
