// Prints the logs of all processes, each line prefixed with the name of its process.
import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import pinoPretty from 'pino-pretty';
import { listRunning, logFile } from '../../../tools/processes.ts';

const pollMs = 200;
const readBytesMax = 65_536;

/** Follows until `stopped` aborts, or nothing is running (`make down` in another terminal). */
export async function followLogs(
  stateFolder: string,
  stopped: AbortSignal,
  print: (line: string) => void,
): Promise<void> {
  const colorize = process.stdout.isTTY === true;
  const pretty = pinoPretty.prettyFactory({ colorize, singleLine: true, ignore: 'pod' });
  const tails = new Map<string, ReturnType<typeof tail>>();
  const show = (name: string, line: string) => {
    const width = Math.max(...[...tails.keys()].map((other) => other.length));
    const text = line.startsWith('{') ? pretty(line).trimEnd() : line;
    if (text) print(`${name.padEnd(width)} | ${text}`);
  };
  try {
    for (;;) {
      const running = listRunning(stateFolder);
      const over = stopped.aborted || running.length === 0;
      for (const { name } of running) {
        if (!tails.has(name)) tails.set(name, tail(logFile(stateFolder, name)));
      }
      for (const [name, read] of tails) for (const line of read()) show(name, line);
      if (over) return;
      await delay(pollMs, undefined, { signal: stopped }).catch(() => {});
    }
  } finally {
    for (const read of tails.values()) read.close();
  }
}

/** The lines that were appended to a file since the last call. */
function tail(path: string) {
  const file = openSync(path, 'r');
  const buffer = Buffer.alloc(readBytesMax);
  let unfinished = Buffer.alloc(0);
  const read = (): string[] => {
    const lines: string[] = [];
    for (;;) {
      const bytes = readSync(file, buffer, 0, readBytesMax, null);
      if (bytes === 0) return lines;
      const text = Buffer.concat([unfinished, buffer.subarray(0, bytes)]);
      const end = text.lastIndexOf('\n') + 1;
      unfinished = text.subarray(end);
      if (end > 0) lines.push(...text.toString('utf8', 0, end - 1).split('\n'));
    }
  };
  return Object.assign(read, { close: () => closeSync(file) });
}
