// The tests by what they need: `npx vitest run --project unit` takes seconds, fleet takes minutes.
import { defineConfig } from 'vitest/config';

const projects = {
  unit: ['api', 'auth', 'chat', 'cli', 'config', 'repository', 'sockets', 'telemetry'],
  adapter: [],
  redis: ['recovery', 'redis'],
  fleet: ['bench', 'chaos', 'fleet', 'nginx', 'workers'],
  chart: ['chart'],
  page: ['monitoring', 'page'],
};

export default defineConfig({
  test: {
    testTimeout: 60_000,
    reporters: ['default', './test/harness/times.ts'],
    setupFiles: ['test/harness/cpu.ts'],
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
