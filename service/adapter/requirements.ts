// What a Redis must be and allow for the promises to hold, found out by trying at every connect.
import type { Client } from './locate.ts';

/** A Redis on which the promises cannot be kept; the message says what to do about it. */
export class RedisUnfit extends Error {
  override name = 'RedisUnfit';
}

export interface Needs {
  /** Of all keys and channels. */
  prefix: string;
  scripts: string[];
  /** Commands that are sent outside of scripts; a subcommand after a space. */
  commands: string[];
  pubSub?: { channels: string[]; pattern: string };
}

const majorVersionMin = 7;

/**
 * Rejects with `RedisUnfit`, or another error when the server can't be used now.
 * @param warn told what the promises suffer from, though they are kept
 */
export async function examine(
  client: Client,
  needs: Needs,
  sharded: boolean,
  warn: (sentence: string) => void,
): Promise<void> {
  const { version, role, mode } = await client.hello();
  if (Number.parseInt(version, 10) < majorVersionMin) {
    throw new RedisUnfit(`Redis ${version} is too old: upgrade it to ${majorVersionMin} or newer`);
  }
  if (mode !== (sharded ? 'cluster' : 'standalone')) {
    throw new RedisUnfit(`This Redis runs in ${mode} mode: connect to it as such`);
  }
  if (role !== 'master') throw new Error('This Redis is a replica: its master is looked for again');
  await examinePermissions(client, needs);
  await examineSettings(client, warn);
}

/** Says what it means when the server refuses a client that connects; else the error itself. */
export function refusal(error: unknown, { options }: Client): unknown {
  const { message = '' } = error as Error;
  const { host, port } = options.socket as { host?: string; port?: number };
  const { username: user = 'default' } = options;
  if (/^(WRONGPASS|NOAUTH)/.test(message)) {
    return new RedisUnfit(`${host}:${port} refuses the user ${user} or the password: correct them`);
  }
  const [, command] = /^NOPERM.* run the '(\S+)' command/.exec(message) ?? [];
  if (command) return new RedisUnfit(grantOf(user, [`+${command}`]));
  if (/unknown command .?HELLO/i.test(message)) {
    return new RedisUnfit(`This Redis is too old: upgrade it to ${majorVersionMin} or newer`);
  }
  return error;
}

const grantOf = (user: string, rules: string[]) =>
  `Redis does not permit what is needed: ACL SETUSER ${user} ${rules.join(' ')}`;

async function examineSettings(client: Client, warn: (sentence: string) => void): Promise<void> {
  const info = await client.info().catch(() => ''); // CONFIG is forbidden in managed Redis
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  const appendOnly = /^aof_enabled:(\d)/m.exec(info)?.[1];
  if (policy && policy !== 'noeviction') {
    throw new RedisUnfit(
      `Redis may delete messages and sessions when its memory is full (maxmemory-policy ` +
        `${policy}): set maxmemory-policy noeviction`,
    );
  }
  if (!policy || !appendOnly) {
    warn(
      'INFO does not show maxmemory-policy and appendonly: see that they are noeviction and yes',
    );
  } else if (appendOnly === '0') {
    warn('Redis keeps no append-only file, so a restart of it loses messages: set appendonly yes');
  }
}

/**
 * Calls each command with the key for every argument, and with one more as long as they are too
 * few: nearly all fail for what they got, and those that are not permitted for that.
 * ARGV: key, then the commands. Answers names and errors of those not permitted in turn.
 */
const tryLua = `
local denied = {}
for i = 2, #ARGV do
  local call, failure = {}, nil
  for word in string.gmatch(ARGV[i], '%S+') do call[#call + 1] = word end
  repeat
    local reply = redis.pcall(unpack(call))
    failure = type(reply) == 'table' and reply.err or ''
    call[#call + 1] = ARGV[1]
  until not string.find(failure, 'number of arg') or #call > 9
  for _, sign in ipairs({'The user executing', 'ACL failure', 'NOPERM'}) do
    if string.find(failure, sign, 1, true) then
      denied[#denied + 1] = ARGV[i]
      denied[#denied + 1] = failure
      break
    end
  end
end
redis.pcall('DEL', ARGV[1])
return denied`;

async function examinePermissions(client: Client, needs: Needs): Promise<void> {
  const { prefix, pubSub } = needs;
  const key = `${prefix}:trial`;
  const missing = new Set<string>();
  const note = (command: string, failure: string, channel = `${prefix}:*`) => {
    if (/channel/.test(failure)) missing.add(`&${channel}`);
    else if (/ key/.test(failure)) missing.add(`~${prefix}:*`);
    else missing.add(`+${command.toLowerCase().replace(' ', '|')}`);
  };
  const attempt = async (command: string, trying: Promise<unknown>, channel?: string) => {
    await trying.catch(({ message }: Error) => {
      if (message.startsWith('NOPERM')) note(command, message, channel);
      else if (!message.startsWith('NOSCRIPT')) throw new Error(message);
    });
  };

  const commands = [...commandsOf(needs.scripts), ...needs.commands];
  const denied = client.eval(tryLua, { arguments: [key, ...commands] }) as Promise<string[]>;
  await attempt('eval', denied);
  const answer = await denied.catch(() => []);
  for (let i = 0; i < answer.length; i += 2) note(answer[i] as string, answer[i + 1] as string);
  await attempt('evalsha', client.evalSha('0'.repeat(40), { keys: [key] })); // MOVED, if it is
  const ignore = () => {};
  for (const channel of pubSub?.channels ?? []) {
    await attempt('subscribe', client.subscribe(channel, ignore), channel);
    await attempt('unsubscribe', client.unsubscribe(channel, ignore), channel);
  }
  if (pubSub) {
    await attempt('psubscribe', client.pSubscribe(pubSub.pattern, ignore), pubSub.pattern);
    await attempt('punsubscribe', client.pUnsubscribe(pubSub.pattern, ignore), pubSub.pattern);
    await attempt('pubsub numsub', client.pubSubNumSub(key));
  }
  if (missing.size === 0) return;
  throw new RedisUnfit(grantOf(client.options.username ?? 'default', [...missing].sort()));
}

/** The commands in the scripts' text, so that none can be forgotten. */
function commandsOf(scripts: string[]): string[] {
  const calls = scripts.flatMap((lua) => [
    ...lua.matchAll(/redis\.call\('([A-Z]+)'(?:, '([A-Z]+)')?/g),
  ]);
  return [...new Set(calls.map(([, name, sub]) => (sub ? `${name} ${sub}` : `${name}`)))];
}
