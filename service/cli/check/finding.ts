// The results of a check: one for each thing it tests.
import type { Finding } from './advice.ts';

export interface Result {
  /** What was tested, such as `polling` or `recovery`. */
  name: string;
  state: 'holds' | 'fails' | 'skipped';
  /** What was observed, in a few words, or why it was skipped. */
  detail: string;
  /** If it failed: the key of its cause and of the settings to change. */
  finding?: Finding;
}

/** Why one connection failed. */
export interface Failure {
  finding: Finding;
  detail: string;
}

export const holds = (name: string, detail: string): Result => ({ name, state: 'holds', detail });
export const skipped = (name: string, detail: string): Result => ({
  name,
  state: 'skipped',
  detail,
});
export const fails = (name: string, finding: Finding, detail: string): Result => ({
  name,
  state: 'fails',
  finding,
  detail,
});
