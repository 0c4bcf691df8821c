// What a check answers: one result for each thing it looks at.
import type { Finding } from './advice.ts';

export interface Result {
  /** What was looked at, such as `polling` or `recovery`. */
  name: string;
  state: 'holds' | 'fails' | 'skipped';
  /** What was seen, in a few words, or why it was not looked at. */
  detail: string;
  /** The key to its cause and the setting to change, when it fails. */
  finding?: Finding;
}

/** What went wrong with one connection. */
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
