// A cookie jar for stock clients, as in a browser: cookies persist across reconnects and are also
// read from the answer to a WebSocket upgrade. Proxies with cookie affinity need them.
import { subscribe } from 'node:diagnostics_channel';
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { CookieJar } from 'tough-cookie';

export interface Browser {
  agent: HttpAgent;
  headers: Record<string, string>;
  /** Called for each answer with status 400 or above, for example with `GET+sid 400`. */
  refused(kind: string): void;
}

const jars = new WeakMap<object, { jar: CookieJar; browser: Browser }>();

// The one hook that sees the requests of both transports.
subscribe('http.client.request.created', (message) => {
  const { request } = message as { request: ClientRequest };
  const known = jars.get(Reflect.get(request, 'agent') ?? request);
  if (!known) return;
  const { jar, browser } = known;
  const url = `${request.protocol}//${request.host}${request.path}`;
  for (const [name, value] of Object.entries(browser.headers)) request.setHeader(name, value);
  const cookies = jar.getCookieStringSync(url);
  if (cookies) request.setHeader('Cookie', cookies);
  const answered = ({ statusCode = 0, headers }: IncomingMessage) => {
    for (const cookie of headers['set-cookie'] ?? []) {
      jar.setCookieSync(cookie, url, { ignoreError: true });
    }
    if (statusCode >= 400) browser.refused(`${kindOf(request)} ${statusCode}`);
  };
  request.once('response', answered).once('upgrade', answered);
});

function kindOf(request: ClientRequest): string {
  const verb = request.hasHeader('Upgrade') ? 'WebSocket' : request.method;
  return /[?&]sid=/.test(request.path) ? `${verb}+sid` : verb;
}

/** One connection per request: Node does not retry on a connection that a proxy has closed. */
export function createBrowser(
  url: string,
  headers: Record<string, string>,
  refused: (kind: string) => void,
): Browser {
  const agent = url.startsWith('https:') ? new HttpsAgent() : new HttpAgent();
  const browser = { agent, headers, refused };
  jars.set(agent, { jar: new CookieJar(), browser });
  return browser;
}
