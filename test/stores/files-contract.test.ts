import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesBlobStore } from '../../functions/stores/files.ts';
import { describeBlobStore } from '../contracts/blob-store.ts';

for (const [name, scratch] of [
  ['a folder', false],
  ['a folder that is scratch', true],
] as const)
  describeBlobStore(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
    return { store: filesBlobStore(folder, { scratch }), dispose: () => rm(folder, { recursive: true }) };
  });
