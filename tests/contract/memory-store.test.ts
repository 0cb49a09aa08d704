import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../app/library/memory-store.ts';
import { runStoreContract } from './store.ts';

describe('in-memory store', () => {
  runStoreContract({
    test,
    expect,
    async setup() {
      const store = createMemoryStore();
      return {
        store,
        async blob(id) {
          const blob = await store.blob(id);
          return { type: blob.type, data: new Uint8Array(await blob.arrayBuffer()) };
        },
        async writeAndKeep(id, chunkIndex, data) {
          await store.write(id, chunkIndex, data);
          return data;
        },
        // All that it has is in one place, as a database is.
        beside: async () => store,
        reopen: null,
        close: async () => store.close(),
      };
    },
  });
});
