// Whether a client without a good token is refused, and told why.
import { openClient, type Transport } from './client.ts';
import type { Door } from './door.ts';
import { fails, holds, type Result } from './finding.ts';
import type { Tokens } from './tokens.ts';

export async function offerWrongTokens(
  door: Door,
  transports: Transport[],
  { wrong }: Tokens,
): Promise<Result> {
  const name = 'refusal';
  for (const [code, token] of Object.entries(wrong)) {
    const client = await openClient(door, { transports, token });
    if ('socket' in client) {
      client.socket.disconnect();
      return fails(name, 'token_accepted', `let in, where ${code} was due`);
    }
    const refused = client.finding === 'token_refused';
    if (!refused) return fails(name, client.finding, client.detail);
    if (client.detail !== `refused: ${code}`) {
      return fails(name, 'wrong_code', `${client.detail}, where ${code} was due`);
    }
  }
  return holds(name, Object.keys(wrong).join(', '));
}
