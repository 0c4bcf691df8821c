// What is generated from the sources in this folder: file by file, as it should be.
import { ruleFile } from './rules.ts';

/** Path to content. */
export function generated(): Map<string, string> {
  return new Map([['charts/mooring/rules/mooring.yaml', ruleFile()]]);
}
