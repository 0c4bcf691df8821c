// Runs scripts by their digest, and limits the time of commands.
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
 * Runs a script. The first call of a client sends the text, and later calls the digest. This keeps
 * calls in order: the retry after a NOSCRIPT error would run after later calls. A client has
 * exactly one connection.
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

const digests = new Map<string, string>(); // a cache; scripts are constants

function digestOf(lua: string): string {
  const digest = digests.get(lua) ?? createHash('sha1').update(lua).digest('hex');
  digests.set(lua, digest);
  return digest;
}

/** Rejects on a timeout. The command may still take effect. One promise: this is on every path. */
export function within<T>(command: Promise<T>, msMax: number, late = () => {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      late();
      reject(new Error(`no answer within ${msMax} ms`));
    }, msMax);
    command.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
