// Checks the permissions of the Redis user by trying: querying the ACL would need more permissions.
import type { Client } from './client.ts';

export interface Needs {
  /** Common prefix of all keys and channels. Suggested ACL rules cover all of it. */
  family: string;
  /**
   * Prefix of the tried keys and channels. In a cluster it contains the hash tag of their master.
   */
  prefix: string;
  scripts: string[];
  /** Commands sent outside of scripts. Subcommands follow after a space. */
  commands: string[];
  pubSub?: { channels: string[]; pattern: string };
}

/**
 * Calls each command with the key as every argument, and adds arguments until there are enough.
 * Most calls fail because of their arguments, but denied commands fail with an ACL error.
 * ARGV: key, then the commands. Returns alternating names and errors of the denied commands.
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

/** The ACL rules that the user lacks, such as `+xadd` or `~key:*`. */
export async function missingPermissions(client: Client, needs: Needs): Promise<string[]> {
  const { family, prefix, pubSub } = needs;
  const key = `${prefix}:trial`;
  const missing = new Set<string>();
  const note = (command: string, failure: string, channel = `${family}:*`) => {
    if (/channel/.test(failure)) missing.add(`&${channel}`);
    else if (/ key/.test(failure)) missing.add(`~${family}:*`);
    else missing.add(`+${command.toLowerCase().replace(' ', '|')}`);
  };
  const commands = [...commandsOf(needs.scripts), ...needs.commands];
  const denied = client.eval(tryLua, { arguments: [key, ...commands] }) as Promise<string[]>;
  const attempts: [command: string, trying: Promise<unknown>, channel?: string][] = [
    ['eval', denied],
    ['evalsha', client.evalSha('0'.repeat(40), { keys: [key] })], // detects MOVED
  ];
  const ignore = () => {};
  for (const channel of pubSub?.channels ?? []) {
    const granted = channel.startsWith(`${prefix}:`) ? `${family}:*` : `${channel}*`;
    attempts.push(['subscribe', client.subscribe(channel, ignore), granted]);
    attempts.push(['unsubscribe', client.unsubscribe(channel, ignore), granted]);
  }
  if (pubSub) {
    const { pattern } = pubSub;
    attempts.push(['psubscribe', client.pSubscribe(pattern, ignore), pattern]);
    attempts.push(['punsubscribe', client.pUnsubscribe(pattern, ignore), pattern]);
    attempts.push(['pubsub numsub', client.pubSubNumSub(key)]);
  }
  const noteFailure = async ([command, trying, channel]: (typeof attempts)[0]) => {
    const { message } = await trying.then(
      () => ({ message: '' }),
      (error: Error) => error,
    );
    if (message.startsWith('NOPERM')) note(command, message, channel);
    else if (message && !message.startsWith('NOSCRIPT')) throw new Error(message);
  };
  await Promise.all(attempts.map(noteFailure));
  const answer = await denied.catch(() => []);
  for (let i = 0; i < answer.length; i += 2) note(answer[i] as string, answer[i + 1] as string);
  return [...missing].sort();
}

/** Extracts the commands from the text of the scripts, so that none is forgotten. */
function commandsOf(scripts: string[]): string[] {
  const calls = scripts.flatMap((lua) => [
    ...lua.matchAll(/redis\.call\('([A-Z]+)'(?:, '([A-Z]+)')?/g),
  ]);
  return [...new Set(calls.map(([, name, sub]) => (sub ? `${name} ${sub}` : `${name}`)))];
}
