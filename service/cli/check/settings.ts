// The settings of common ingresses and proxies that fix a finding, as of late 2026.

export type Place =
  | 'ingress-nginx'
  | 'Traefik'
  | 'HAProxy (haproxytech)'
  | 'HAProxy Ingress (jcmoraisjr)'
  | 'F5 NGINX'
  | 'Envoy Gateway'
  | 'nginx'
  | 'Mooring'
  | 'this command';

/** Lines to set, by the place to set them. */
export type Settings = Partial<Record<Place, string[]>>;

const nginxIngress = (name: string) => `nginx.ingress.kubernetes.io/${name}`;
const traefikService = (name: string) =>
  `on the Service: traefik.ingress.kubernetes.io/service.sticky.cookie${name}`;
const haproxyIngress = (name: string) => `haproxy-ingress.github.io/${name}`;

/** Sends all requests of a session to one pod. */
export const affinity: Settings = {
  'ingress-nginx': [
    nginxIngress('affinity: cookie'),
    nginxIngress('affinity-mode: persistent'),
    nginxIngress('session-cookie-change-on-failure: "true"'),
    'on every Ingress of this host: one without them breaks affinity',
  ],
  Traefik: [traefikService(': "true"')],
  'HAProxy (haproxytech)': ['on the Service: haproxy.org/cookie-persistence: mooring'],
  'HAProxy Ingress (jcmoraisjr)': [haproxyIngress('affinity: cookie')],
  'F5 NGINX': ['nginx.org/sticky-cookie-services: "serviceName=SERVICE mooring path=/"'],
  'Envoy Gateway': ['HTTPRoute: spec.rules[].sessionPersistence: { type: Cookie }'],
  nginx: [
    'upstream: ip_hash; or since 1.29.6: sticky cookie mooring;',
    'behind another proxy: set_real_ip_from and real_ip_header, or all clients share a pod',
  ],
};

/** Retries a handshake that one pod refuses with 503 on another. */
export const nextPod: Settings = {
  'ingress-nginx': [nginxIngress('proxy-next-upstream: "error timeout http_503"')],
  nginx: ['proxy_next_upstream error timeout http_503;'],
};

/** Forwards the upgrade to a WebSocket. */
export const upgrade: Settings = {
  'ingress-nginx': [
    'nothing to set: look for a proxy or CDN in front, or snippets that set Connection',
  ],
  Traefik: ['nothing to set: look for middlewares that set Connection or Upgrade'],
  'HAProxy (haproxytech)': ['nothing to set: look for http-request rules that remove Upgrade'],
  'HAProxy Ingress (jcmoraisjr)': [
    'nothing to set: look for http-request rules that remove Upgrade',
  ],
  'F5 NGINX': ['nginx.org/websocket-services: SERVICE'],
  'Envoy Gateway': ['BackendTrafficPolicy: spec.httpUpgrade, if set, must have type: websocket'],
  nginx: [
    'proxy_http_version 1.1;',
    'proxy_set_header Upgrade $http_upgrade;',
    'proxy_set_header Connection "upgrade";',
  ],
};

/** Timeouts above ping interval + ping timeout (45 s); 90 s leaves a margin. */
export const idleTime: Settings = {
  'ingress-nginx': [
    nginxIngress('proxy-read-timeout: "90"'),
    nginxIngress('proxy-send-timeout: "90"'),
  ],
  Traefik: [
    'ServersTransport: forwardingTimeouts.responseHeaderTimeout: 90s, or 0 to disable',
    'entry point: transport.respondingTimeouts.writeTimeout: 0s',
  ],
  'HAProxy (haproxytech)': [
    'haproxy.org/timeout-server: 90s',
    'in the ConfigMap: timeout-client: 90s and timeout-tunnel: 1h',
  ],
  'HAProxy Ingress (jcmoraisjr)': [
    haproxyIngress('timeout-server: 90s'),
    haproxyIngress('timeout-tunnel: 1h'),
    'in the ConfigMap: timeout-client: 90s',
  ],
  'F5 NGINX': ['nginx.org/proxy-read-timeout: 90s', 'nginx.org/proxy-send-timeout: 90s'],
  'Envoy Gateway': ['HTTPRoute: spec.rules[].timeouts.request: 0s, or left out'],
  nginx: ['proxy_read_timeout 90s;', 'proxy_send_timeout 90s;'],
};

/** The attributes of the affinity cookie. */
export const cookieAttributes: Settings = {
  'ingress-nginx': [
    nginxIngress('session-cookie-secure, session-cookie-samesite, session-cookie-path,'),
    nginxIngress('session-cookie-domain, session-cookie-max-age'),
  ],
  Traefik: [traefikService('.secure, .samesite, .path, .domain, .maxage')],
  'HAProxy (haproxytech)': ['backend-config-snippet: cookie mooring insert ... secure attr ...'],
  'HAProxy Ingress (jcmoraisjr)': [
    haproxyIngress('session-cookie-same-site, session-cookie-domain,'),
    haproxyIngress('session-cookie-keywords: indirect nocache httponly secure'),
  ],
  'F5 NGINX': ['nginx.org/sticky-cookie-services: "serviceName=SERVICE mooring path=/ secure ..."'],
  'Envoy Gateway': ['HTTPRoute: sessionPersistence.cookieConfig.lifetimeType, .absoluteTimeout'],
  nginx: ['upstream: sticky cookie mooring path=/ secure samesite=lax httponly;'],
};

/** Forwards the Host header, which the service compares with the origin of a page. */
export const hostHeader: Settings = {
  'ingress-nginx': [`remove ${nginxIngress('upstream-vhost')}`],
  Traefik: ['on the Service: traefik.ingress.kubernetes.io/service.passhostheader: "true"'],
  'HAProxy (haproxytech)': ['remove haproxy.org/set-host'],
  'HAProxy Ingress (jcmoraisjr)': [`remove ${haproxyIngress('headers')} that set Host`],
  'Envoy Gateway': ['HTTPRoute: remove URLRewrite filters with a hostname'],
  nginx: ['proxy_set_header Host $http_host;'],
};

/** Leaves CORS to the service. */
export const crossOrigin: Settings = {
  'ingress-nginx': [`remove ${nginxIngress('enable-cors')}`],
  Traefik: ['remove accessControl* headers from the middlewares of this route'],
  'HAProxy (haproxytech)': ['remove haproxy.org/cors-enable'],
  'HAProxy Ingress (jcmoraisjr)': [`remove ${haproxyIngress('cors-enable')}`],
  'Envoy Gateway': ['SecurityPolicy: remove spec.cors'],
  nginx: ['remove add_header Access-Control-* and the handling of OPTIONS'],
  Mooring: ['CORS_ORIGINS: the service sends the headers itself, with credentials'],
};
