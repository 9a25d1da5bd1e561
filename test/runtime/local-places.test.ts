import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { workPlaceIn } from '../../functions/runtime/local-places.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-work-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('keeps lists and reports, which name entries, from other users', async () => {
  await workPlaceIn(join(folder, 'state/work')).put('runs/x', Buffer.from('[]'));
  for (const made of ['state', 'state/work']) expect((await stat(join(folder, made))).mode & 0o077).toBe(0);
});
