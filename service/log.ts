// JSON lines on standard output: one per event that matters, never a token, a secret or a text.
import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export function createLog(level: string, pod: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { pod },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination ? pino(options, destination) : pino(options);
}
