// The tests by what they need: `npx vitest run --project unit` is quick, fleet and page are not.
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const inFolders = (...folders: string[]) => folders.map((folder) => `test/${folder}/**/*.test.ts`);
const projects = {
  adapter: ['service/adapter/test/**/*.test.ts'],
  redis: inFolders('recovery', 'redis'),
  fleet: [
    ...inFolders('bench', 'chaos', 'cli', 'fleet', 'fuzz', 'languages'),
    ...inFolders('nginx', 'scale', 'workers'),
  ],
  chart: inFolders('chart'),
  page: inFolders('monitoring', 'page'),
};
/** Everything else, so that a new folder is never left out. */
const unit = {
  name: 'unit',
  include: ['test/**/*.test.ts'],
  exclude: Object.values(projects).flat(),
};

const named = Object.entries(projects).map(([name, include]) => ({ name, include }));

export default defineConfig({
  test: {
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000 } },
    isolate: false, // modules hold no state, and loading them for each file takes a minute
    maxWorkers: Math.max(4, availableParallelism()), // most tests wait for timers of the service
    globalSetup: ['test/harness/compile-cache.ts'],
    reporters: ['default', './test/harness/summary.ts'],
    setupFiles: ['test/harness/cpu-setup.ts'],
    projects: [unit, ...named].map((test) => ({ extends: true as const, test })),
  },
});
