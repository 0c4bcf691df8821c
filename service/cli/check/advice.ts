// Maps each finding to its likely cause and the settings to change.
import {
  affinity,
  cookieAttributes,
  crossOrigin,
  hostHeader,
  idleTime,
  nextPod,
  type Settings,
  upgrade,
} from './settings.ts';

export interface Advice {
  cause: string;
  settings: Settings;
}

const here = (line: string): Settings => ({ 'this command': [line] });
const mooring = (...lines: string[]): Settings => ({ Mooring: lines });

const advice = {
  // Connectivity.
  unreachable: {
    cause: 'cannot connect: wrong address or port, DNS, a firewall, or nothing is running there.',
    settings: here('try the same URL with curl from this machine'),
  },
  tls: {
    cause: 'the certificate is not trusted, is for another name, or the port does not speak TLS.',
    settings: here(
      'for a private CA: NODE_EXTRA_CA_CERTS=ca.pem; otherwise check the scheme and the port',
    ),
  },
  silent: {
    cause:
      'the connection is accepted, but no answer arrives: an overloaded pod, or a buffering proxy.',
    settings: {
      nginx: ['proxy_buffering off;'],
      'ingress-nginx': ['nginx.ingress.kubernetes.io/proxy-buffering: "off"'],
    },
  },
  redirected: {
    cause: 'the endpoint redirects; WebSockets do not follow redirects.',
    settings: here('use the URL that it redirects to, usually https instead of http'),
  },
  forbidden: {
    cause: 'a proxy requires credentials or blocks this client (WAF, allow list).',
    settings: here('exempt /socket.io/: Mooring verifies tokens itself'),
  },
  not_found: {
    cause: 'no rule of the ingress or proxy matches this path and host name.',
    settings: {
      'Envoy Gateway': ['HTTPRoute: hostnames and a PathPrefix that covers /socket.io/'],
      'ingress-nginx': ['Ingress: host, ingressClassName and a path of type Prefix'],
      'this command': ['give the URL without /socket.io/'],
    },
  },
  no_upstream: {
    cause: 'the proxy works, but has no pod behind it, or none that answers.',
    settings: mooring(
      'kubectl get endpointslices: are pods ready? If not, see kubectl logs',
      'NetworkPolicy: the proxy must reach the pods on PORT',
    ),
  },
  unavailable: {
    cause: 'no pod accepts new clients, or one refused and the proxy did not retry on another.',
    settings: {
      ...mooring(
        'GET /readyz on OPERATIONS_PORT shows the reason; raise CONNECTIONS_MAX or add replicas',
      ),
      ...nextPod,
    },
  },
  broken_off: {
    cause: 'the connection was closed while in use: a proxy reload, or a pod that terminated.',
    settings: mooring('see the logs of the proxy and of the pods at this time'),
  },
  not_engine: {
    cause: 'a web server answers, but not with Engine.IO version 4.',
    settings: here('give the URL of a Mooring service, without /socket.io/'),
  },
  not_mooring: {
    cause: 'a Socket.IO server answers, but it is not Mooring.',
    settings: here('check the URL: another service may own this path or host'),
  },
  // Sessions and pods.
  no_affinity: {
    cause: 'requests of one session reach different pods: sessions are not sticky.',
    settings: affinity,
  },
  cookie_ignored: {
    cause:
      'the proxy sets a cookie but does not follow it: pods are changing, or two rules conflict.',
    settings: affinity,
  },
  upgrade_dropped: {
    cause: 'the proxy does not forward the headers of the WebSocket upgrade.',
    settings: upgrade,
  },
  idle_cut: {
    cause: 'a proxy closes idle connections before the ping interval is over.',
    settings: idleTime,
  },
  few_pods: {
    cause: 'fewer pods were reached than --pods requires.',
    settings: here('add --second with another URL of the service, or scale it up'),
  },
  // The Ingress, read from the cluster.
  cluster_unread: {
    cause: 'kubectl could not read the Ingresses and controllers of the cluster.',
    settings: here('run it where kubectl may list ingresses, deployments and daemonsets'),
  },
  host_taken: {
    cause: 'two Ingresses claim the same host and path: one of them serves the clients of both.',
    settings: { Mooring: ['exposure.host: another one for each release'] },
  },
  reload_cuts: {
    cause: 'after a change of any Ingress, nginx closes all of its WebSockets at once.',
    settings: {
      'ingress-nginx': ['in the ConfigMap of the controller: worker-shutdown-timeout: 900s'],
      Mooring: [
        'after such a change: kubectl rollout restart deployment/mooring, within that time',
        'or a controller of its own: ingress-nginx.enabled=true',
      ],
    },
  },
  // The cookie.
  cookie_not_secure: {
    cause: 'browsers reject a SameSite=None cookie without Secure, so they get no affinity.',
    settings: cookieAttributes,
  },
  cookie_needs_tls: {
    cause: 'browsers send a Secure cookie over https only, so they get no affinity over http.',
    settings: cookieAttributes,
  },
  cookie_path: {
    cause: 'browsers send the cookie to other paths only, so they get no affinity.',
    settings: cookieAttributes,
  },
  cookie_domain: {
    cause: 'browsers reject a cookie for another domain, so they get no affinity.',
    settings: cookieAttributes,
  },
  cookie_expired: {
    cause: 'browsers drop the cookie at once; check the clocks.',
    settings: cookieAttributes,
  },
  cookie_prefix: {
    cause:
      'browsers reject the cookie: __Host- needs Secure, Path=/ and no Domain, __Secure- Secure.',
    settings: cookieAttributes,
  },
  cookie_same_site: {
    cause: 'browsers do not send the cookie from a page on another site: no affinity there.',
    settings: cookieAttributes,
  },
  // Pages.
  host_changed: {
    cause: 'the proxy passes another Host on, so pages of this origin are refused as foreign.',
    settings: { ...hostHeader, ...mooring('or add the origin of the page to CORS_ORIGINS') },
  },
  origin_refused: {
    cause: 'pages on that origin may not connect.',
    settings: mooring('add the origin to CORS_ORIGINS'),
  },
  preflight_refused: {
    cause: 'the proxy answers or blocks preflight requests (OPTIONS) instead of forwarding them.',
    settings: crossOrigin,
  },
  cors_missing: {
    cause: 'a proxy removes or replaces the CORS headers: browsers hide the answer from the page.',
    settings: crossOrigin,
  },
  cors_wildcard: {
    cause: 'a proxy allows every origin with *, which browsers reject for requests with cookies.',
    settings: crossOrigin,
  },
  cors_twice: {
    cause: 'a proxy adds CORS headers to those of Mooring: browsers reject two values.',
    settings: crossOrigin,
  },
  // Mooring itself.
  token_refused: {
    cause: 'the service refuses the token: another key, issuer or audience, or it has expired.',
    settings: {
      Mooring: ['use the same JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE and JWT_ALGORITHMS as the pods'],
      'this command': ['if another issuer signs tokens, use --token or --token-file'],
    },
  },
  token_accepted: {
    cause: 'a client without a valid token was accepted: this service does not verify tokens.',
    settings: mooring('check the URL and the image; do not expose this service'),
  },
  wrong_code: {
    cause: 'an invalid token is refused with a code that is not in the contract.',
    settings: mooring('compare the version of the service with docs/reference/contract.md'),
  },
  message_refused: {
    cause: 'a message was refused; unavailable means that Redis is down, full or read-only.',
    settings: mooring('check mooring_redis_up on /metrics; in Redis: maxmemory, replication, disk'),
  },
  message_lost: {
    cause: 'pods do not receive messages from each other: no common Redis, or it is unavailable.',
    settings: mooring('set the same REDIS_URL on every pod; check mooring_redis_up on /metrics'),
  },
  message_lost_here: {
    cause: 'a message was accepted, but not delivered on the same pod.',
    settings: mooring(
      'see the log, and mooring_redis_up, mooring_background_failures_total on /metrics',
    ),
  },
  message_duplicated: {
    cause: 'a message was delivered twice: please report this bug.',
    settings: mooring('keep the logs of both pods'),
  },
  not_recovered: {
    cause: 'a lost connection was not recovered: recovery is off, or pods do not share sessions.',
    settings: mooring('set RECOVERY_MS_MAX above 0, and the same REDIS_URL on every pod'),
  },
  recovered_without: {
    cause: 'a connection was recovered without the messages it missed: please report this bug.',
    settings: mooring('keep the logs of both pods'),
  },
} satisfies Record<string, Advice>;

export type Finding = keyof typeof advice;

export const adviceFor = (finding: Finding): Advice => advice[finding];
