import type { Dashboard } from './dashboard.ts';
import { overview } from './dashboards/overview.ts';
import { redisPath } from './dashboards/redis-path.ts';
import { rollouts } from './dashboards/rollouts.ts';

export const dashboards: Dashboard[] = [overview, rollouts, redisPath];
