// Limits per client address: open connections, and handshakes per second. Each process counts its
// own. A network of IPv6 that one customer gets (/64) counts as one address.
import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { createClientAddress } from '../config/proxies.ts';
import type { Config } from '../config/schema.ts';
import { fullBucket, type TokenBucket, takeToken } from '../lib/token-bucket.ts';
import type { MooringServer, MooringSocket } from '../protocol/identity.ts';

const addressesMax = 100_000; // so that a flood from many addresses does not fill the memory

interface Usage {
  connections: number;
  handshakes: TokenBucket;
}

type Limits = Pick<
  Config,
  'trustedProxies' | 'connectionsPerAddressMax' | 'handshakesPerSecondPerAddressMax'
>;

export function createAddressLimits(limits: Limits) {
  const { connectionsPerAddressMax, handshakesPerSecondPerAddressMax: perSecondMax } = limits;
  const addressOf = createClientAddress(limits.trustedProxies);
  const byAddress = new Map<string, Usage>();
  const usageOf = (request: IncomingMessage): Usage | undefined => {
    const address = addressOf(request);
    if (address === undefined) return undefined;
    const key = isIPv6(address) ? networkOf(address) : address;
    const usage = byAddress.get(key) ?? {
      connections: 0,
      handshakes: fullBucket(perSecondMax, performance.now()),
    };
    byAddress.delete(key); // the map is in the order of use
    byAddress.set(key, usage);
    if (byAddress.size > addressesMax) forgetOldest(byAddress);
    return usage;
  };
  return {
    /** The reason to refuse this handshake, if any. Counts it. */
    refuse(request: IncomingMessage): 'address_connections' | 'address_handshakes' | undefined {
      const usage = usageOf(request);
      if (!usage) return undefined;
      if (!takeToken(usage.handshakes, perSecondMax, performance.now()))
        return 'address_handshakes';
      return usage.connections < connectionsPerAddressMax ? undefined : 'address_connections';
    },
    /** Counts the open connections from now on. */
    observe(io: MooringServer): void {
      const usages = new WeakMap<object, Usage>();
      function closed(this: MooringSocket['conn']) {
        const usage = usages.get(this);
        if (usage) usage.connections -= 1;
      }
      io.engine.on('connection', (connection: MooringSocket['conn']) => {
        const usage = usageOf(connection.request);
        if (!usage) return;
        usage.connections += 1;
        usages.set(connection, usage);
        connection.on('close', closed);
      });
    },
  };
}

/** An address that comes back starts with a full bucket: open connections are never forgotten. */
function forgetOldest(byAddress: Map<string, Usage>): void {
  for (const [key, { connections }] of byAddress) {
    if (connections > 0) continue;
    byAddress.delete(key);
    return;
  }
}

/** The first four groups. */
function networkOf(address: string): string {
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const groups = head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - tail.split(':').length;
  const all = [...groups, ...Array(Math.max(0, missing)).fill('0'), ...(tail ?? '').split(':')];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group || '0', 16))
    .join(':');
}
