// From what was found to its likely cause and the setting to change: a table, nothing else.
import {
  affinity,
  cookieAttributes,
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
  // The way there.
  unreachable: {
    cause:
      'no connection is made: a wrong address or port, DNS, a firewall, or nothing runs there.',
    settings: here('try the address in curl from the same place'),
  },
  tls: {
    cause: 'the certificate is not trusted, not for this name, or the port does not speak TLS.',
    settings: here(
      'for a CA of your own: NODE_EXTRA_CA_CERTS=ca.pem; else check https and the port',
    ),
  },
  silent: {
    cause: 'something takes connections and does not answer: a pod under load, or buffers.',
    settings: {
      nginx: ['proxy_buffering off;'],
      'ingress-nginx': ['nginx.ingress.kubernetes.io/proxy-buffering: "off"'],
    },
  },
  redirected: {
    cause: 'the door answers with another address; WebSockets do not follow that.',
    settings: here('give the address it names, usually https instead of http'),
  },
  forbidden: {
    cause: 'something in front asks for credentials or turns this client away (WAF, allow list).',
    settings: here('let /socket.io/ pass without them: Mooring checks a token itself'),
  },
  not_found: {
    cause: 'nothing serves this path or host name: no rule of the door matches.',
    settings: {
      'Envoy Gateway': ['HTTPRoute: hostnames and a PathPrefix that covers /socket.io/'],
      'ingress-nginx': ['Ingress: host, ingressClassName and a path of type Prefix'],
      'this command': ['the URL is what goes before /socket.io/'],
    },
  },
  no_upstream: {
    cause: 'the door works and finds no pod behind it, or none that answers.',
    settings: mooring(
      'kubectl get endpointslices: are pods ready? kubectl logs: why not?',
      'NetworkPolicy: the door must reach the pods on PORT',
    ),
  },
  unavailable: {
    cause: 'no pod took a newcomer, or one did not and the door asked no other.',
    settings: {
      ...mooring('GET /readyz on OPERATIONS_PORT says why; CONNECTIONS_MAX, more replicas'),
      ...nextPod,
    },
  },
  broken_off: {
    cause: 'the connection was closed while in use: a door that reloads, or a pod that ended.',
    settings: mooring('look into the logs of the door and of the pods at this time'),
  },
  not_engine: {
    cause: 'a web server answers there, but not with Engine.IO version 4.',
    settings: here('the URL is what goes before /socket.io/ of a Mooring'),
  },
  not_mooring: {
    cause: 'a Socket.IO server answers there, but not as Mooring does.',
    settings: here('check the URL: another service may have this path or host'),
  },
  // Sessions and pods.
  no_affinity: {
    cause: 'requests of one session reach different pods: the door is not sticky.',
    settings: affinity,
  },
  cookie_ignored: {
    cause:
      'the door sets a cookie and sends its owner elsewhere: pods change, or two rules disagree.',
    settings: affinity,
  },
  upgrade_dropped: {
    cause: 'the door does not pass the headers on that ask for a WebSocket.',
    settings: upgrade,
  },
  idle_cut: {
    cause: 'something on the way cuts connections that are silent for less than a ping interval.',
    settings: idleTime,
  },
  few_pods: {
    cause: 'fewer pods were met than --pods asks for.',
    settings: here('--second URL of another way in; or scale the service'),
  },
  // The cookie.
  cookie_not_secure: {
    cause: 'browsers drop a cookie with SameSite=None that is not Secure: no affinity for them.',
    settings: cookieAttributes,
  },
  cookie_needs_tls: {
    cause: 'browsers send a Secure cookie over https only: no affinity over http.',
    settings: cookieAttributes,
  },
  cookie_path: {
    cause: 'browsers send the cookie to other paths only: no affinity for them.',
    settings: cookieAttributes,
  },
  cookie_domain: {
    cause: 'browsers drop a cookie for another domain: no affinity for them.',
    settings: cookieAttributes,
  },
  cookie_expired: {
    cause: 'browsers drop the cookie at once; a clock may be wrong.',
    settings: cookieAttributes,
  },
  // Mooring itself.
  token_refused: {
    cause: 'the token is not one of this service: another key, issuer or audience, or expired.',
    settings: {
      Mooring: ['JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE and JWT_ALGORITHMS as the pods have them'],
      'this command': ['--token or --token-file, where tokens come from your issuer'],
    },
  },
  token_accepted: {
    cause: 'a client got in that must not: what answers there does not check tokens.',
    settings: mooring('check the URL and the image; do not expose this'),
  },
  wrong_code: {
    cause: 'a bad token is refused with another code than the contract names.',
    settings: mooring('check the version of the service against docs/reference/contract.md'),
  },
  message_refused: {
    cause: 'a message is not taken; unavailable means Redis is away, full or read-only.',
    settings: mooring('GET /metrics: mooring_redis_up; Redis: maxmemory, replication, disk'),
  },
  message_lost: {
    cause: 'pods do not hear each other: they share no Redis, or it is away.',
    settings: mooring('REDIS_URL, the same on every pod; mooring_redis_up on /metrics'),
  },
  message_lost_here: {
    cause: 'a message was taken and not delivered on the same pod.',
    settings: mooring('GET /metrics: mooring_redis_up, mooring_background_failures_total; the log'),
  },
  message_doubled: {
    cause: 'a message came twice: please report it.',
    settings: mooring('keep the logs of both pods'),
  },
  not_recovered: {
    cause: 'a lost connection starts anew: recovery is off, or the session is not shared.',
    settings: mooring('RECOVERY_MS_MAX above 0; REDIS_URL, the same on every pod'),
  },
  recovered_without: {
    cause: 'a connection was recovered without what it missed: please report it.',
    settings: mooring('keep the logs of both pods'),
  },
} satisfies Record<string, Advice>;

export type Finding = keyof typeof advice;

export const adviceFor = (finding: Finding): Advice => advice[finding];
