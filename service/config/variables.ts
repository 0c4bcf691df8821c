// Reads variables from the environment and from files.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

type Environment = Record<string, string | undefined>;
export type ReadFile = (path: string) => string;

export const readText: ReadFile = (path) => readFileSync(path, 'utf8');

/** The file of a variable in `SECRETS_DIR`. */
export const fileNameOf = (name: string) => name.toLowerCase().replaceAll('_', '-');

/** Whether files hold values, which may change. */
export const hasFiles = (env: Environment, secrets: string[]): boolean =>
  [...secrets.map((name) => `${name}_FILE`), 'SECRETS_DIR'].some((name) => env[name]?.trim());

/**
 * The variables that are set and not empty.
 * @param problems gets a sentence for each variable that is set twice or cannot be read
 */
export function readVariables(
  env: Environment,
  readFile: ReadFile,
  problems: string[],
  { names, secrets }: { names: string[]; secrets: string[] },
): Record<string, string> {
  const given: Record<string, string> = {};
  for (const name of names) {
    const value = env[name]?.trim();
    if (value) given[name] = value;
  }
  const take = (name: string, source: string, path: string, isOptional: boolean) => {
    try {
      const value = readFile(path).trim();
      if (given[name] && value) problems.push(`${name} and ${source} are both set; remove one`);
      given[name] = value || given[name] || '';
    } catch (error) {
      if (isOptional && (error as NodeJS.ErrnoException).code === 'ENOENT') return;
      problems.push(`${source} cannot be read; check its path and permissions`);
    }
  };
  for (const name of secrets) {
    const path = env[`${name}_FILE`]?.trim();
    if (path) take(name, `${name}_FILE`, path, false);
    const file = fileNameOf(name);
    if (given.SECRETS_DIR) {
      take(name, `${file} in SECRETS_DIR`, join(given.SECRETS_DIR, file), true);
    }
    if (given[name] === '') delete given[name];
  }
  return given;
}
