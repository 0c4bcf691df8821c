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

/**
 * Runs a script: as a whole the first time by a client, which has one connection and no other, then
 * by its digest, so that calls are done in the order in which they are made. A second attempt would
 * come after its successors.
 */
export function evaluate<T>(
  client: Scriptable<T>,
  lua: string,
  keys: string[],
  args: (string | Buffer)[],
): Promise<T> {
  const options = { keys, arguments: args };
  const sent = sentOn(client);
  if (!sent.has(lua)) {
    sent.add(lua);
    return client.eval(lua, options);
  }
  return client.evalSha(digestOf(lua), options).catch((error: Error) => {
    if (!error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(lua, options);
  });
}

const sentScripts = new WeakMap<object, Set<string>>(); // by client

function sentOn(client: Scriptable<unknown>): Set<string> {
  const known = sentScripts.get(client);
  if (known) return known;
  const sent = new Set<string>();
  sentScripts.set(client, sent);
  return sent;
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
