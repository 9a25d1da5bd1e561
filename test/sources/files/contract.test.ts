import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSource } from '../../../functions/sources/files.ts';
import { describeTarget } from '../../contracts/source.ts';

const owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

describeTarget('a directory', async () => {
  const base = await mkdtemp(join(tmpdir(), 'holdfast-files-'));
  const path = join(base, 'made by the first write');
  return {
    uri: `file://${path}`,
    target: fileSource(path),
    attributes: (key, version) => ({
      ...owner,
      type: key.endsWith('/') ? 'directory' : 'file',
      mode: version === 1 ? 0o750 : 0o640,
      mtimeNs: version === 1 ? '1764067247123456789' : '-1500000000',
    }),
    dispose: () => rm(base, { recursive: true }),
  };
});
