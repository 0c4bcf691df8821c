// Which proxies may say whose request they pass on, and what they say.
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** Private networks, and the ranges from which Google Cloud's load balancers connect. */
export const usualProxies = [
  ...['127.0.0.0/8', '::1', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'],
  ...['169.254.0.0/16', 'fc00::/7', 'fe80::/10', '35.191.0.0/16', '130.211.0.0/22'],
];

const bitsOf = (address: string) => ({ 4: 32, 6: 128 })[isIP(address)] ?? -1;

/** An address, or a network as `address/bits`. */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  if (bits === undefined) return isIP(address) > 0;
  return more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= bitsOf(address);
}

/** Returns a function that tells the address of a request's client, if it can be known. */
export function createClientAddress(trustedProxies: readonly string[]) {
  const trusted = new BlockList();
  for (const network of trustedProxies) {
    const [address = '', bits = bitsOf(address)] = network.split('/');
    trusted.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  const isTrusted = (address: string) =>
    trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

  /**
   * The last address that is not a trusted proxy: everything before it may be invented. Without
   * one, `undefined`: all clients of the proxy would share its address.
   */
  return ({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): string | undefined => {
    const forwarded = String(headers['x-forwarded-for'] ?? '').split(',');
    for (const part of [socket.remoteAddress ?? '', ...forwarded.reverse()]) {
      const address = unmapped(part.trim());
      if (isIP(address) === 0) return undefined;
      if (!isTrusted(address)) return address;
    }
    return undefined;
  };
}

/** IPv4 inside IPv6, as a server that listens on all addresses sees it, without the port. */
function unmapped(text: string): string {
  const [, plain] = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)(?::\d+)?$/i.exec(text) ?? [];
  return plain ?? text.replace(/^\[(.*)\](?::\d+)?$/, '$1');
}
