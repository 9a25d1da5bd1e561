import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesBlobStore } from '../../functions/stores/files.ts';
import { describeBlobStore } from '../contracts/blob-store.ts';

describeBlobStore('a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
  return { store: filesBlobStore(folder), dispose: () => rm(folder, { recursive: true }) };
});
