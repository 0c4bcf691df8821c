// JSON lines on standard output. Never a token, a secret or the text of a message.
import { type DestinationStream, type Logger, pino } from 'pino';
import { isoOf, wallClockMs } from '../lib/wall-clock.ts';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

const repeatMs = 1_000;
const kindsMax = 1_000;
const causesMax = 5;

export function createLog(level: string, pod: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { pod },
    timestamp: () => `,"time":"${isoOf(wallClockMs())}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
  };
  return destination ? pino(options, destination) : pino(options);
}

/** Libraries attach requests, commands and configuration to errors; none of that is logged. */
function describeError(error: unknown, depth = 0): object | string {
  if (!(error instanceof Error)) return String(error);
  const { name, message, stack, cause } = error;
  const code: unknown = Reflect.get(error, 'code');
  return {
    type: name,
    message,
    stack,
    ...(typeof code === 'string' && { code }),
    ...(cause !== undefined && depth < causesMax && { cause: describeError(cause, depth + 1) }),
  };
}

/**
 * Logs each kind of line at most once a second; the next one carries the number `omitted`.
 * @param kind lines with the same kind count as one
 */
export function createLimitedLog(log: Log) {
  const kinds = new Map<string, { at: number; omitted: number }>();
  return (level: keyof Log, kind: string, details: object, msg: string): void => {
    const known = kinds.get(kind);
    const now = performance.now();
    if (known && now - known.at < repeatMs) {
      known.omitted += 1;
      return;
    }
    if (kinds.size >= kindsMax) kinds.clear();
    kinds.set(kind, { at: now, omitted: 0 });
    log[level]({ ...details, ...(known?.omitted && { omitted: known.omitted }) }, msg);
  };
}
