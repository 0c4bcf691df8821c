// Checks that clients without a valid token are refused with the right code.
import { openClient, type Transport } from './client.ts';
import { fails, holds, type Result } from './finding.ts';
import type { CheckTarget } from './target.ts';
import type { Tokens } from './tokens.ts';

export async function tryInvalidTokens(
  target: CheckTarget,
  transports: Transport[],
  { invalid }: Tokens,
): Promise<Result> {
  const name = 'refusal';
  for (const [code, token] of Object.entries(invalid)) {
    const client = await openClient(target, { transports, token });
    if ('socket' in client) {
      client.socket.disconnect();
      return fails(name, 'token_accepted', `accepted instead of refused with ${code}`);
    }
    const refused = client.finding === 'token_refused';
    if (!refused) return fails(name, client.finding, client.detail);
    if (client.detail !== `refused: ${code}`) {
      return fails(name, 'wrong_code', `${client.detail}, expected ${code}`);
    }
  }
  return holds(name, Object.keys(invalid).join(', '));
}
