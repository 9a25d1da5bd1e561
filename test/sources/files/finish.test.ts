import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Attributes, PresentEntry } from '../../../functions/core/entry.ts';
import { AccessDeniedError } from '../../../functions/core/errors.ts';
import { fileSource } from '../../../functions/sources/files.ts';
import {
  asUser,
  diskAttributes,
  each,
  entry,
  isRoot,
  key,
  makeRoot,
  pathsOf,
  removeRoots,
  stream,
  walk,
} from './tree.ts';

let root: string;
beforeEach(() => {
  root = makeRoot();
});
afterEach(removeRoots);

const directory = (name: string, more: Attributes = {}): PresentEntry =>
  entry(key(name), '', diskAttributes('directory', more));
const file = (name: string): PresentEntry => entry(key(name), 'x', diskAttributes('file'));

/** What directories are, the outermost first; each is then opened, for else a user could not look at those below it. */
function statesOf(...names: readonly string[]) {
  return names.map((name) => {
    const { mode, mtimeMs } = statSync(`${root}/${name}`);
    chmodSync(`${root}/${name}`, 0o777);
    return { mode: (mode & 0o7777).toString(8), mtimeMs };
  });
}

const modesOf = (...names: readonly string[]) => statesOf(...names).map(({ mode }) => mode);
const modeOf = (name: string) => statSync(`${root}/${name}`).mode & 0o7777;

/** Writes all entries as a restore does: in key order, then the directories once more. */
async function restore(entries: readonly PresentEntry[], to = fileSource(root)) {
  for (const one of entries) await to.write(one, stream(...(one.sizeBytes > 0 ? ['x'] : [])));
  await to.finish(each(...entries.filter((one) => one.key.endsWith('/'))));
}

describe.each([
  ['root', false],
  ['a user', true],
])('directories restored by %s', (_, asOther) => {
  const run = <T>(act: () => Promise<T>) => (asOther ? asUser(act) : act());

  it('get their modes and times though entries were written below them later', async () => {
    await run(async () => {
      const tree = [
        directory('a/', { mode: 0o1750, mtimeNs: '1600000000000000000' }),
        directory('a/b/', { mode: 0o711, mtimeNs: '-86400000000000' }),
        file('a/b/c'),
        file('a/d'),
      ];
      await restore(tree);
      const found = walk(root);
      expect(found.get(Buffer.from('a').toString('hex'))).toMatchObject({
        mode: 0o1750,
        mtimeNs: 1600000000000000000n,
      });
      expect(found.get(Buffer.from('a/b').toString('hex'))).toMatchObject({ mode: 0o711, mtimeNs: -86400000000000n });
    });
  });

  it('may be closed to their owner at every level, and all below them is set nevertheless', async () => {
    const modes = { 'a/': 0o000, 'a/b/': 0o555, 'a/b/c/': 0o000, 'a/b/c/d/': 0o111, 'a/e/': 0o444, 'f/': 0o666 };
    await run(async () => {
      const tree = Object.entries(modes).map(([name, mode]) =>
        directory(name, { mode, mtimeNs: '1600000000000000000' }),
      );
      await restore([...tree, file('a/b/c/d/x')]);
    });
    expect(statesOf(...Object.keys(modes))).toEqual(
      Object.values(modes).map((mode) => ({ mode: mode.toString(8), mtimeMs: 1_600_000_000_000 })),
    );
  });

  it('can be restored over once more when they are closed', async () => {
    await run(async () => {
      const tree = [directory('a/', { mode: 0o555 }), directory('a/b/', { mode: 0o000 }), file('a/b/x'), file('a/y')];
      await restore(tree);
      await restore([...tree, file('a/b/new')]);
    });
    expect(modesOf('a', 'a/b')).toEqual(['555', '0']);
    expect(existsSync(`${root}/a/b/new`)).toBe(true);
  });

  it('may be closed when another process finishes them, as after an interruption', async () => {
    await run(async () => {
      const tree = [
        directory('a/', { mode: 0o755, mtimeNs: '1600000000000000000' }),
        directory('a/b/', { mode: 0o500, mtimeNs: '1600000000000000000' }),
        directory('a/b/c/', { mode: 0o000, mtimeNs: '1600000000000000000' }),
        directory('a/b/c/d/', { mode: 0o400, mtimeNs: '1600000000000000000' }),
      ];
      await restore([...tree, file('a/b/c/d/x')]);
      chmodSync(`${root}/a/b`, 0o000);
      chmodSync(`${root}/a`, 0o500);
      await fileSource(root).finish(each(...tree));
    });
    expect(statesOf('a', 'a/b', 'a/b/c', 'a/b/c/d')).toEqual(
      ['755', '500', '0', '400'].map((mode) => ({ mode, mtimeMs: 1_600_000_000_000 })),
    );
  });

  it('get the mode of the snapshot and not the closed one that they had', async () => {
    await run(async () => {
      mkdirSync(`${root}/a`, { mode: 0o500 });
      await restore([directory('a/', { mode: 0o755 }), file('a/x')]);
    });
    expect(modeOf('a')).toBe(0o755);
  });

  it('get back the mode that they had when only something below them was restored', async () => {
    await run(async () => {
      mkdirSync(`${root}/a/b`, { recursive: true });
      writeFileSync(`${root}/a/b/old`, 'x');
      chmodSync(`${root}/a/b`, 0o500);
      chmodSync(`${root}/a`, 0o100);
      const target = fileSource(root);
      await target.write(file('a/b/x'), stream('x'));
      await target.remove(key('a/b/old'));
      await target.finish(each());
    });
    expect(modesOf('a', 'a/b')).toEqual(['100', '500']);
    expect(pathsOf(root)).toEqual(['a', 'a/b', 'a/b/x']);
  });
});

it('leaves out directories that are not there, or are none', async () => {
  writeFileSync(`${root}/file`, 'x');
  chmodSync(`${root}/file`, 0o600);
  await fileSource(root).finish(
    each(directory('absent/'), directory('absent/below/'), directory('file/'), directory('a//b/')),
  );
  expect(pathsOf(root)).toEqual(['file']);
  expect(modeOf('file')).toBe(0o600);
});

it('makes the root of a restore that has no entries', async () => {
  await fileSource(`${root}/new/place`).finish(each());
  expect(pathsOf(`${root}/new/place`)).toEqual([]);
});

it.runIf(isRoot())('gives directories to their owners', async () => {
  await restore([directory('a/', { uid: 12, gid: 23, mode: 0o2750 })]);
  expect(walk(root).get(Buffer.from('a').toString('hex'))).toMatchObject({ owner: '12:23', mode: 0o2750 });
});

it.runIf(isRoot())('finishes all others before it says which directories it may not touch', async () => {
  mkdirSync(`${root}/b`, { mode: 0o755 });
  await asUser(async () => {
    const target = fileSource(root);
    for (const name of ['a/', 'c/']) await target.write(directory(name), stream());
    const finished = target.finish(each(...['a/', 'b/', 'c/'].map((name) => directory(name, { mode: 0o511 }))));
    await expect(finished).rejects.toThrow(AccessDeniedError);
    await expect(finished).rejects.toThrow(/1 director.*b\//);
  });
  expect([modeOf('a'), modeOf('b'), modeOf('c')]).toEqual([0o511, 0o755, 0o511]);
});

describe('the settings of the root', () => {
  const settings = (more: Attributes = {}) => {
    const { mode, mtimeNs, uid, gid } = diskAttributes('directory', {
      mode: 0o751,
      mtimeNs: '1500000000000000000',
      ...more,
    });
    return { root: { mode: mode ?? null, mtimeNs: mtimeNs ?? null, uid: uid ?? null, gid: gid ?? null } };
  };

  it('are left alone by finish and set when they are applied', async () => {
    const target = fileSource(root);
    chmodSync(root, 0o700);
    await restore([file('x')], target);
    expect(statSync(root).mode & 0o7777).toBe(0o700);
    expect(await target.applySettings(settings())).toEqual([]);
    expect(await target.settings()).toEqual({ settings: settings(), notCaptured: [] });
  });

  it('that a directory does not have are each named', async () => {
    const told = await fileSource(root).applySettings({ versioning: 'Enabled', cors: [] });
    expect(told).toEqual([expect.stringMatching(/^versioning: /), expect.stringMatching(/^cors: /)]);
  });

  it.runIf(isRoot())('that may not be set are named', async () => {
    chownSync(root, 0, 0);
    chmodSync(root, 0o755);
    const told = await asUser(() => fileSource(root).applySettings(settings()));
    expect(told).toEqual([expect.stringMatching(/^root: .*EPERM/)]);
    expect(lstatSync(root).mode & 0o7777).toBe(0o755);
  });

  it.runIf(isRoot())('name the owner that a user cannot give', async () => {
    const told = await asUser(() => fileSource(root).applySettings(settings({ uid: 0, gid: 0 })));
    expect(told).toEqual([expect.stringMatching(/^root uid/), expect.stringMatching(/^root gid/)]);
    expect(statSync(root).mode & 0o7777).toBe(0o751);
  });
});
