// The code of docs/guides/other-languages.md, against a replica that is killed. Needs the folder
// that `test/languages/install FOLDER` makes, in LANGUAGES.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { collect, until } from '../harness/processes.ts';
import { type ScratchFleet, startScratchFleet } from '../harness/scratch-fleet.ts';

const installed = process.env.LANGUAGES ?? '';
const messages = 60;
const killAfter = 20;

interface Seen {
  pod?: string;
  recovered?: boolean;
  joined?: boolean;
  number?: number;
}

/** Prepares a folder with the code of the guide, and returns the command of the client. */
type Prepare = (folder: string) => [string, ...string[]];

const languages: Record<string, { needs: string; prepare: Prepare }> = {
  Python: {
    needs: join(installed, 'python/bin/python'),
    prepare(folder) {
      writeFileSync(join(folder, 'recovering.py'), codeOf('python'));
      cpSync(join(import.meta.dirname, 'client.py'), join(folder, 'client.py'));
      return [join(installed, 'python/bin/python'), join(folder, 'client.py')];
    },
  },
  Java: {
    needs: join(installed, 'java'),
    prepare(folder) {
      writeFileSync(join(folder, 'Recovering.java'), codeOf('java'));
      const sources = [join(folder, 'Recovering.java'), join(import.meta.dirname, 'Client.java')];
      const classPath = `${join(installed, 'java')}/*`;
      execFileSync('javac', ['-cp', classPath, '-d', folder, ...sources]);
      return ['java', '-cp', `${folder}:${classPath}`, 'Client'];
    },
  },
};

/** The first block of a language in the guide. */
function codeOf(language: string): string {
  const guide = readFileSync('docs/guides/other-languages.md', 'utf8');
  const [, code] = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'ms').exec(guide) ?? [];
  if (!code) throw new Error(`The guide has no ${language} code`);
  return code;
}

let fleet: ScratchFleet | undefined;
const runnable = Object.values(languages).filter(({ needs }) => installed && existsSync(needs));
beforeAll(async () => {
  if (runnable.length > 0) fleet = await startScratchFleet();
});
afterAll(() => fleet?.close());

/** Starts a client; what it prints is collected. */
async function startClient(prepare: Prepare, { address, token }: ScratchFleet) {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-language-'));
  const [program, ...args] = prepare(folder);
  const child = spawn(program, [...args, address, await token('alice')]);
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  const seen: Seen[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => seen.push(JSON.parse(line)));
  const output = collect(child);
  await until('it has joined', () => seen.some(({ joined }) => joined)).catch((error) => {
    throw new Error(`${error.message}; it said: ${output()}`);
  });
  return seen;
}

it.for(Object.entries(languages))(
  'a client in %s gets everything once although its replica is killed',
  async ([name, { needs, prepare }], { skip }) => {
    if (!fleet || !existsSync(needs)) {
      return skip(`${name} is not there: run test/languages/install, and set LANGUAGES`);
    }
    const seen = await startClient(prepare, fleet);
    const home = seen.find(({ pod }) => pod)?.pod;
    const lost = fleet.replicas.find(({ name }) => name === home);
    const other = fleet.replicas.find(({ name }) => name !== home);
    onTestFinished(async () => {
      await lost?.exited;
      await lost?.start();
    });
    const publish = async (number: number) => {
      const response = await fetch(`${other?.operations}/v1/publish`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${fleet?.apiKey}` },
        body: JSON.stringify({
          rooms: ['lobby'],
          event: 'news',
          data: number,
          id: `${name} ${number}`,
        }),
      });
      expect(response.status).toBe(202);
    };
    for (let number = 1; number <= messages; number += 1) {
      await publish(number);
      if (number === killAfter) lost?.signal('SIGKILL');
    }
    await until('it has the last one', () => seen.some(({ number }) => number === messages));
    const numbers = seen.flatMap(({ number }) => number ?? []);
    expect(numbers).toEqual(Array.from({ length: messages }, (_, i) => i + 1));
    expect(seen.flatMap(({ recovered }) => recovered ?? [])).toEqual([false, true]);
  },
);
