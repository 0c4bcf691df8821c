// Redis commands as everybody here sends them: scripts by their digest, answers bounded in time.
import { createHash } from 'node:crypto';

interface Options {
  keys: string[];
  arguments: (string | Buffer)[];
}

interface Scriptable<T> {
  evalSha(digest: string, options: Options): Promise<T>;
  eval(lua: string, options: Options): Promise<T>;
}

/** Runs a script by its digest, as a whole when Redis has not seen it. */
export function evaluate<T>(
  client: Scriptable<T>,
  lua: string,
  keys: string[],
  args: (string | Buffer)[],
): Promise<T> {
  const options = { keys, arguments: args };
  return client.evalSha(digestOf(lua), options).catch((error: Error) => {
    if (!error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(lua, options);
  });
}

const digests = new Map<string, string>(); // of constants: filled once, as scripts are first used

function digestOf(lua: string): string {
  const digest = digests.get(lua) ?? createHash('sha1').update(lua).digest('hex');
  digests.set(lua, digest);
  return digest;
}

/** Rejects when there is no answer in time; then the command may be done all the same. */
export async function within<T>(command: Promise<T>, msMax: number, late = () => {}): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late();
      reject(new Error(`no answer within ${msMax} ms`));
    }, msMax);
  });
  return Promise.race([command, timeout]).finally(() => clearTimeout(timer));
}
