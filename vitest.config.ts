import { defineConfig } from 'vitest/config';

// Three suites: `unit` needs Node and npm only; `emulated` and `deployed` need the servers that `.ci/run` installs.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/emulated/**', 'test/deployed/**', 'node_modules/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'emulated',
          include: ['test/emulated/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'deployed',
          include: ['test/deployed/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          // A file tells one story: after a chapter that failed, the next ones would tell nothing.
          bail: 1,
        },
      },
    ],
  },
});
