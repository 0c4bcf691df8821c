// `make e2e`: two files at a time, because most of the time a file waits for its cluster.
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those that take minutes start first, so that none is left to run alone at the end. */
const longest = ['6-', '1-', '10-', '11-', '15-', '14-', '3-', '5-'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]) {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = longest.findIndex((name) => moduleId.includes(`/${name}`));
      return place < 0 ? longest.length : place;
    };
    return files.toSorted((a, b) => rank(a) - rank(b));
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
