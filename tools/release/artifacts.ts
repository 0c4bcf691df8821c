// Builds the chart and the npm package as files whose bytes depend on the commit alone.
import { cpSync, mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findHelm } from '../helm.ts';
import { run } from './run.ts';

interface Build {
  folder: string;
  /** Seconds since 1970, of the commit. */
  epoch: number;
  version: string;
  /** Where the source is public, such as https://github.com/acme/mooring. */
  source?: string | undefined;
}

/**
 * Packages the chart with the registry that its image is pulled from. `helm package` stamps files
 * with the present time, so its archive is packed once more.
 * @param registry such as ghcr.io/acme
 */
export function packageChart({ folder, epoch, version, source }: Build, registry: string): string {
  const scratch = join(folder, 'chart');
  mkdirSync(scratch, { recursive: true });
  cpSync('charts/mooring', join(scratch, 'source'), { recursive: true });
  setRegistry(join(scratch, 'source'), registry);
  if (source) setSource(join(scratch, 'source'), source, version);
  const helm = findHelm();
  const archive = `mooring-${version}.tgz`;
  run(helm, ['package', join(scratch, 'source'), '--destination', scratch]);
  run('tar', ['-xzf', join(scratch, archive), '-C', scratch]);
  const packed = join(folder, archive);
  const sorted = ['--sort=name', `--mtime=@${epoch}`, '--owner=0', '--group=0', '--numeric-owner'];
  const tar = join(scratch, 'mooring.tar');
  run('tar', [
    ...sorted,
    '--format=ustar',
    '--mode=u=rwX,go=rX',
    '-cf',
    tar,
    '-C',
    scratch,
    'mooring',
  ]);
  run('gzip', ['--no-name', '--best', tar]);
  renameSync(`${tar}.gz`, packed);
  utimesSync(packed, epoch, epoch); // `helm push` writes the time of the file into the manifest
  return packed;
}

function setRegistry(chart: string, registry: string) {
  change(join(chart, 'values.yaml'), '\nimage:', /( {2}registry: )""/, `$1${registry}`);
  change(
    join(chart, 'Chart.yaml'),
    'artifacthub.io/images',
    /(image: )(mooring:)/,
    `$1${registry}/$2`,
  );
}

/** For Artifact Hub. */
function setSource(chart: string, source: string, version: string) {
  const icon = `${source}/raw/v${version}/docs/images/icon.svg`;
  const lines = `home: ${source}\nsources: [${source}]\nicon: ${icon}\nmaintainers:`;
  change(join(chart, 'Chart.yaml'), '\nmaintainers:', /maintainers:/, lines);
}

/** Replaces what the pattern finds first after a text. */
function change(path: string, after: string, pattern: RegExp, replacement: string) {
  const text = readFileSync(path, 'utf8');
  const start = text.indexOf(after);
  const changed = text.slice(start).replace(pattern, replacement);
  if (start < 0 || changed === text.slice(start)) throw new Error(`${path}: nothing to change`);
  writeFileSync(path, text.slice(0, start) + changed);
}

/** `npm pack` gives each file the same date, so its archive is reproducible already. */
export function packAdapter({ folder, version }: Build): string {
  run('npm', ['pack', '--workspace', 'service/adapter', '--pack-destination', folder]);
  return join(folder, `mooring-adapter-${version}.tgz`);
}
