// `make e2e`: two files at a time, because most of the time a file waits for its cluster.
import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They take minutes and start first, so that none is left to run alone at the end. */
const longest = ['rollout', 'monitoring', 'scaling', 'autoscaler', 'install', 'upgrade', 'gateway'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]) {
    const place = ({ moduleId }: TestSpecification) => {
      const found = longest.indexOf(basename(moduleId, '.e2e.ts'));
      return found < 0 ? longest.length : found;
    };
    return files.toSorted((a, b) => place(a) - place(b));
  }
}

export default defineConfig({
  test: {
    include: ['test/e2e/*.e2e.ts'],
    globalSetup: ['test/e2e/namespaces.ts'],
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 300_000,
    hookTimeout: 300_000,
    retry: process.env.CI ? 1 : 0,
    disableConsoleIntercept: true,
    reporters: ['default', './test/harness/summary.ts'],
    setupFiles: ['test/harness/cpu-setup.ts'],
  },
});
