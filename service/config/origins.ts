// Origins of web pages, compared as text: browsers send them in lower case and without a default
// port. The host may begin with `*.`, which stands for exactly one label.

// A scheme, and a host with an optional port: mobile and desktop shells have schemes of their own.
const pattern =
  /^[a-z][a-z0-9+.-]*:\/\/(?:\*\.)?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;
const defaultPort = /^(?:http:.*:80|https:.*:443)$/;

export const isOriginPattern = (value: string): boolean =>
  pattern.test(value) && !defaultPort.test(value);

export type AllowsOrigin = (origin: string) => boolean;

/** @param allowed origins and patterns, in lower case */
export function createOriginCheck(allowed: readonly string[]): AllowsOrigin {
  const exact = new Set(allowed);
  return (origin) => {
    const folded = origin.toLowerCase();
    return exact.has(folded) || exact.has(folded.replace(/:\/\/[^./]+\./, '://*.'));
  };
}
