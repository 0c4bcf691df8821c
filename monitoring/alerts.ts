import type { Alert } from './alert.ts';
import { clientAlerts } from './alerts/clients.ts';
import { redisAlerts } from './alerts/redis.ts';
import { replicaAlerts } from './alerts/replicas.ts';

export const alerts: Alert[] = [...replicaAlerts, ...redisAlerts, ...clientAlerts];
