// The tests by what they need: `npx vitest run --project unit` takes seconds, fleet takes minutes.
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const projects = {
  unit: ['api', 'auth', 'chat', 'config', 'repository', 'sockets', 'telemetry'],
  adapter: [],
  redis: ['recovery', 'redis'],
  fleet: ['bench', 'chaos', 'cli', 'fleet', 'nginx', 'workers'],
  chart: ['chart'],
  page: ['monitoring', 'page'],
};

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    isolate: false, // modules hold no state, and loading them for each file takes a minute
    maxWorkers: Math.max(4, availableParallelism()), // most tests wait for timers of the service
    globalSetup: ['test/harness/compile-cache.ts'],
    reporters: ['default', './test/harness/times.ts'],
    setupFiles: ['test/harness/cpu-setup.ts'],
    projects: Object.entries(projects).map(([name, folders]) => ({
      extends: true as const,
      test: {
        name,
        include:
          name === 'adapter'
            ? ['service/adapter/test/**/*.test.ts']
            : folders.map((folder) => `test/${folder}/**/*.test.ts`),
      },
    })),
  },
});
