// The load client as a program; see `--help`.
import { writeFileSync } from 'node:fs';
import { type Load, startLoad } from './load.ts';
import { type CommandLine, help, readCommandLine, UsageError } from './options.ts';
import { isClean, summarize } from './summary.ts';

async function run(options: CommandLine): Promise<void> {
  const stopped = stopSignal(); // so that Ctrl-C also works while clients connect
  print(`Connecting ${options.clients} clients to ${options.url} ...`);
  const load = await startLoad(options);
  load.mark();
  print(`All clients are connected (pid ${process.pid}); measuring ...`);
  process.on('SIGUSR1', () => {
    load.mark();
    print('Measurement restarted.');
  });
  process.on('SIGUSR2', () => void report(load, options));
  await Promise.race([load.ended, stopped, ...timeUp(options.seconds)]);
  const clean = await report(load, options);
  await load.stop();
  process.exit(clean ? 0 : 1); // pending reconnects would keep the process alive
}

async function report(load: Load, { json }: CommandLine): Promise<boolean> {
  const result = await load.report();
  print(summarize(result));
  if (json) writeFileSync(json, `${JSON.stringify(result, null, 1)}\n`);
  return isClean(result);
}

const timeUp = (seconds: number) =>
  seconds > 0 ? [new Promise((resolve) => setTimeout(resolve, seconds * 1_000))] : [];

function stopSignal(): Promise<unknown> {
  return new Promise((resolve) => {
    let asked = false;
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(name);
      });
    }
  });
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

try {
  const options = readCommandLine(process.argv.slice(2));
  if (options) await run(options);
  else print(help.trimEnd());
} catch (error) {
  const text = error instanceof UsageError ? `${error.message}; see --help` : String(error);
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
