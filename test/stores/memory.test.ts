import { describeBlobStore } from '../contracts/blob-store.ts';
import { memoryBlobStore } from '../fakes/memory-blob-store.ts';

describeBlobStore('the memory fake', async () => ({ store: memoryBlobStore(), dispose: async () => {} }));
