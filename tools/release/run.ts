// Runs programs for a release, and says which one failed.
import { spawnSync } from 'node:child_process';
import { Problem } from '../problem.ts';

interface Options {
  /** Print what the program prints, instead of returning it. */
  show?: boolean;
  mayFail?: boolean;
  env?: Record<string, string>;
}

/** @returns what the program printed, errors included */
export function run(program: string, args: string[], options: Options = {}): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    env: { ...process.env, ...options.env },
    encoding: 'utf8',
    stdio: options.show ? 'inherit' : 'pipe',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error) throw new Problem(`${program} did not start: ${error.message}`);
  const said = `${stdout ?? ''}${stderr ?? ''}`;
  if (status !== 0 && !options.mayFail) {
    throw new Problem(`${[program, ...args].join(' ')} exited with ${status}\n${said}`);
  }
  return said;
}

export function isInstalled(program: string): boolean {
  return !spawnSync(program, ['--help'], { stdio: 'ignore' }).error;
}
