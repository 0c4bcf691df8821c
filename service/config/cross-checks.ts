// Checks across variables: each is valid alone, but the combination is not.
import { splitUrls } from './types.ts';

export function crossCheck(values: Record<string, string>): string[] {
  const problems: string[] = [];
  const keys = [values.JWT_SECRET, values.JWT_PUBLIC_KEY, values.JWT_JWKS_URL].filter(Boolean);
  const names = (values.JWT_ALGORITHMS ?? '').split(',').flatMap((name) => name.trim() || []);
  const symmetric = names.filter((name) => name.startsWith('HS'));
  if (keys.length !== 1) {
    problems.push(
      'Set exactly one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL to verify tokens; ' +
        '`openssl rand -base64 48` generates a secret',
    );
  } else if (values.JWT_SECRET && symmetric.length < names.length) {
    problems.push('JWT_ALGORITHMS must be HS256, HS384 or HS512 with JWT_SECRET');
  } else if (!values.JWT_SECRET && symmetric.length > 0) {
    problems.push('JWT_ALGORITHMS must not contain HS256, HS384 or HS512 with a public key');
  }
  if (values.JWT_SECRET_PREVIOUS && !values.JWT_SECRET) {
    problems.push('JWT_SECRET_PREVIOUS needs JWT_SECRET, which replaces it');
  }
  if ((values.WORKERS ?? '1') !== '1' && !values.REDIS_URL) {
    problems.push('WORKERS other than 1 needs REDIS_URL: workers exchange messages through Redis');
  }
  const [mode, servers] = [values.REDIS_MODE ?? 'single', splitUrls(values.REDIS_URL ?? '')];
  if (mode === 'single' && servers.length > 1) {
    problems.push('REDIS_URL must be a single URL unless REDIS_MODE is sentinel or cluster');
  } else if (mode !== 'single' && servers.length === 0) {
    problems.push(`REDIS_URL is required with REDIS_MODE=${mode}`);
  }
  if (values.REDIS_PASSWORD && servers.length === 0) {
    problems.push('REDIS_PASSWORD is set without REDIS_URL');
  }
  if (values.ROOM_ACCESS === 'webhook' && !values.ROOM_ACCESS_URL) {
    problems.push('ROOM_ACCESS_URL is required with ROOM_ACCESS=webhook');
  }
  if (values.POD_DELETION_COST === 'on' && !values.KUBERNETES_SERVICE_HOST) {
    problems.push(
      'POD_DELETION_COST=on needs KUBERNETES_SERVICE_HOST, which is only set inside Kubernetes',
    );
  }
  const [port, operationsPort] = [values.PORT ?? '3000', values.OPERATIONS_PORT ?? '3001'];
  if (port === operationsPort && port !== '0') {
    problems.push('OPERATIONS_PORT must differ from PORT');
  }
  return problems;
}
