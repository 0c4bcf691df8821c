// The namespace for administrators.
import type { User } from '../protocol/identity.ts';
import type { RefusalCode } from '../protocol/refusals.ts';

export function adminOnly(namespace: string, { role }: User): RefusalCode | undefined {
  return namespace === '/admin' && role !== 'admin' ? 'admin_only' : undefined;
}
