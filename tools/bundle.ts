// Builds what the image runs: `node tools/bundle.ts FOLDER`. The service and its packages become a
// few files, because loading hundreds of them takes most of a start. Modules of applications share
// these files: the folder has a package of each name, and the modules of `service/protocol`.
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { types } from 'node:util';
import { build, type OutputChunk, type OutputOptions, type Plugin } from 'rolldown';

const root = resolve(import.meta.dirname, '..');
const require = createRequire(join(root, 'package.json'));
const { version, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
};
const adapter = 'mooring-adapter';
const scheme = 'package:';

/** In files of their own: what runs when it is loaded, and what the service starts without. */
const apart =
  /[\\/](service[\\/]main\.ts|(cli[\\/]check|(socket|engine)\.io-client|xmlhttprequest-ssl)[\\/])/;

/** Not shared: the service needs a quarter of it, without the texts of 50 languages. */
const whole = 'zod';

/** Commands in documentation and scripts name the same file as in the repository. */
const entryOfRepository = "import './main.js';\n";

/** @param folder emptied first */
export async function bundle(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  const packages = Object.keys(dependencies);
  const shared = packages.filter((name) => name !== whole);
  const protocol = globSync('service/protocol/*.ts', { cwd: root });
  const service = await build({
    ...common,
    input: {
      'service/main': join(root, 'service/main.ts'),
      ...Object.fromEntries(protocol.map((path) => [path, join(root, path)])),
      ...Object.fromEntries(shared.map((name) => [packageEntry(name), scheme + name])),
      [packageEntry(adapter)]: join(root, 'service/adapter/index.ts'),
    },
    output: {
      ...outputOptions,
      dir: folder,
      codeSplitting: { groups: [{ name: 'service', test: (id) => !apart.test(id) }] },
    },
  });
  const input = { [packageEntry(whole)]: scheme + whole };
  const alone = await build({ ...common, input, output: { ...outputOptions, dir: folder } });
  for (const name of [...packages, adapter]) writePackage(folder, name);
  cpSync(join(root, 'service/page'), join(folder, 'page'), { recursive: true });
  copyClient(folder);
  copyLicenses(folder, [...service.output, ...alone.output]);
  writeJson(join(folder, 'package.json'), { name: 'mooring', version, type: 'module' });
  writeFileSync(join(folder, 'service/main.ts'), entryOfRepository);
}

const common = {
  platform: 'node' as const,
  transform: { define: { __dirname: 'import.meta.dirname' } }, // modules have no other
  plugins: [reexports(), thriftyPrototypes()],
  logLevel: 'warn' as const,
  preserveEntrySignatures: 'strict' as const,
};

const outputOptions: OutputOptions = {
  format: 'esm',
  minifyInternalExports: false, // their short names depend on timing
  comments: false, // names stay, so that stack traces are readable
  entryFileNames: ({ name }) => (name.endsWith('.ts') ? name : `${name}.js`),
  chunkFileNames: 'service/[name].js',
};

const packageEntry = (name: string) => `node_modules/${name}/index`;

/** Modules that export what Node.js exports by the name of a package, to `require` as well. */
function reexports(): Plugin {
  const prefix = join(root, scheme);
  return {
    name: 'reexports',
    // The ending gives imports from CommonJS the default that they have in Node.js.
    resolveId: (source) => (source.startsWith(scheme) ? `${join(root, source)}.mjs` : undefined),
    async load(id) {
      if (!id.startsWith(prefix)) return;
      const name = id.slice(prefix.length, -'.mjs'.length);
      const imported = await import(name);
      const required = require(name);
      const names = Object.keys(imported).filter((key) => /^[a-z$]\w*$/i.test(key));
      const lines = [`export { ${names.join(', ')} } from '${name}';`];
      const isShared = Object.keys(required).some(
        (key) => typeof required[key] === 'function' && required[key] === imported[key],
      );
      if (isShared && !types.isModuleNamespaceObject(required))
        lines.push(`export { default as 'module.exports' } from '${require.resolve(name)}';`);
      return lines.join('\n');
    },
  };
}

/**
 * node-redis adds 478 commands to the prototype of a class, one by one, for each client with other
 * options. V8 copies the list of properties each time: 40 MB and a fifth of a start. It does not
 * once a property was deleted.
 */
function thriftyPrototypes(): Plugin {
  const loop = 'for (const [name, command] of Object.entries(commands)) {';
  const deletion =
    'Object.assign(Class.prototype, { first: 1, last: 2 }); delete Class.prototype.first; ' +
    'delete Class.prototype.last;';
  return {
    name: 'thrifty-prototypes',
    transform(code, id) {
      if (!id.endsWith('/@redis/client/dist/lib/commander.js')) return;
      if (!code.includes(loop)) throw new Error(`${id} has changed: is this still needed?`);
      return code.replace(loop, `${deletion}\n    ${loop}`);
    },
  };
}

function writePackage(folder: string, name: string): void {
  writeJson(join(folder, 'node_modules', name, 'package.json'), {
    name,
    version: JSON.parse(readFileSync(join(packageFolder(name), 'package.json'), 'utf8')).version,
    type: 'module',
    exports: './index.js',
  });
}

const packageFolder = (name: string) =>
  name === adapter ? join(root, 'service/adapter') : join(root, 'node_modules', name);

/** The client for the page, which Socket.IO reads from the folder beside its own. */
function copyClient(folder: string): void {
  const from = join(root, 'node_modules/socket.io/client-dist');
  for (const file of globSync('*.js', { cwd: from }))
    cpSync(join(from, file), join(folder, 'client-dist', file));
}

/** The license of each package with code in the bundle. */
function copyLicenses(folder: string, output: readonly { type: string }[]): void {
  const chunks = output.filter((part): part is OutputChunk => part.type === 'chunk');
  const modules = chunks.flatMap((chunk) => chunk.moduleIds);
  const owners = modules.flatMap((id) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []);
  for (const owner of new Set(owners)) {
    const to = join(folder, 'licenses', relative(join(root, 'node_modules'), owner));
    for (const license of globSync('{licen[cs]e,LICEN[CS]E}*', { cwd: owner })) {
      mkdirSync(to, { recursive: true });
      cpSync(join(owner, license), join(to, basename(license)));
    }
  }
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
}

function writeJson(path: string, value: object): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(value)}\n`);
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (!folder) throw new Error('usage: node tools/bundle.ts FOLDER');
  await bundle(resolve(folder));
}
