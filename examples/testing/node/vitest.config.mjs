import { defineConfig } from 'vitest/config';

// One server for the whole run. Its script is everybody's, so files of tests take turns.
export default defineConfig({
  test: { globalSetup: './realtime-server.mjs', fileParallelism: false },
});
