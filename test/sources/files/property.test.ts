import {
  chmodSync,
  chownSync,
  lchownSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { inRange, keyFromBytes, type PresentEntry } from '../../../functions/core/entry.ts';
import { sha256Hex } from '../../../functions/core/ids.ts';
import { fileSource } from '../../../functions/sources/files.ts';
import { listAll, readEntry } from '../../contracts/source.ts';
import { asUser, each, isRoot, makeRoot, removeRoots, stream, walk } from './tree.ts';

type Node = { readonly mode: number; readonly seconds: string; readonly uid: number } & (
  | { readonly type: 'file'; readonly content: Uint8Array }
  | { readonly type: 'link'; readonly target: Uint8Array }
  | { readonly type: 'directory'; readonly children: readonly (readonly [Buffer, Node])[] }
);

// Bytes around the slash, that are not UTF-8, or that mean something to a shell, a path or a terminal.
const nameByte = fc.constantFrom(...Buffer.from('aA.-0~ \\*\n\x01\x1b\xff\xc3\xa4', 'latin1'));
const name = fc
  .array(nameByte, { minLength: 1, maxLength: 4 })
  .map((bytes) => Buffer.from(bytes))
  .filter((bytes) => !['.', '..'].includes(bytes.toString('latin1')));

const common = {
  mode: fc.integer({ min: 0, max: 0o7777 }),
  seconds: fc
    .tuple(fc.integer({ min: -2_000_000_000, max: 4_000_000_000 }), fc.integer({ min: 0, max: 999_999_999 }))
    .map(([whole, nanos]) => `${whole}.${String(nanos).padStart(9, '0')}`),
  uid: fc.constantFrom(0, 1, 65534, 4_000_000_000),
};

const { directory } = fc.letrec<{ node: Node; directory: Node }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.record({ ...common, type: fc.constant('file' as const), content: fc.uint8Array({ maxLength: 40 }) }),
    fc.record({ ...common, type: fc.constant('link' as const), target: name }),
    tie('directory'),
  ),
  directory: fc.record({
    ...common,
    type: fc.constant('directory' as const),
    children: fc.uniqueArray(fc.tuple(name, tie('node')), {
      maxLength: 6,
      selector: ([bytes]) => bytes.toString('hex'),
    }),
  }),
}));

/** What is needed to read a tree without being root. */
const READABLE = { file: 0o400, directory: 0o500, link: 0 };

function build(path: Buffer, node: Node, asOther: boolean): void {
  if (node.type === 'file') writeFileSync(path, node.content);
  if (node.type === 'link') symlinkSync(Buffer.from(node.target), path);
  if (node.type === 'directory') {
    mkdirSync(path, { recursive: true });
    for (const [below, child] of node.children) build(Buffer.concat([path, Buffer.from('/'), below]), child, asOther);
  }
  if (node.type === 'link') {
    if (!asOther) lchownSync(path, node.uid, node.uid);
    lutimesSync(path, node.seconds, node.seconds);
    return;
  }
  if (!asOther) chownSync(path, node.uid, node.uid);
  chmodSync(path, asOther ? node.mode | READABLE[node.type] : node.mode);
  utimesSync(path, node.seconds, node.seconds);
}

/** From one directory into another, as a backup and a restore together do. */
async function copy(from: string, to: string): Promise<void> {
  const [source, target] = [fileSource(from), fileSource(to)];
  const directories: PresentEntry[] = [];
  for (const line of await listAll(source)) {
    const { content, attributes, sizeBytes, fingerprint } = await readEntry(source, line);
    const { key } = line;
    const entry: PresentEntry = {
      key,
      state: 'present',
      fingerprint,
      attributes,
      sha256: sha256Hex(content),
      sizeBytes,
      extents: [],
    };
    expect(await target.write(entry, stream(content))).toEqual([]);
    if (key.endsWith('/')) directories.push(entry);
  }
  await target.finish(each(...directories));
  expect(await target.applySettings((await source.settings()).settings)).toEqual([]);
}

function expectEqualTrees(from: string, to: string): void {
  const [expected, found] = [walk(from), walk(to)];
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [path, was] of expected) {
    const is = found.get(path);
    const { mtimeNs, ...rest } = was;
    expect(is, path).toMatchObject(rest);
    const off = Number((is?.mtimeNs ?? 0n) - mtimeNs);
    expect(Math.abs(off), path).toBeLessThan(1000);
  }
}

afterEach(removeRoots);

describe.each([['a user', true], ...(isRoot() ? [['root, with all owners and modes', false] as const] : [])] as const)(
  'any tree copied by %s',
  (_, asOther) => {
    const run = <T>(act: () => Promise<T>) => (asOther ? asUser(act) : act());

    it('is equal in names, contents, links, modes, times and owners', async () => {
      const property = fc.asyncProperty(directory, async (tree) => {
        const base = makeRoot();
        await run(async () => {
          build(Buffer.from(`${base}/from`), tree, asOther);
          await copy(`${base}/from`, `${base}/to`);
          expectEqualTrees(`${base}/from`, `${base}/to`);
        });
        removeRoots();
      });
      await fc.assert(property, { seed: 20261125, numRuns: 60 });
    });
  },
);

it('lists any tree once, in byte order, and any range of it exactly', async () => {
  const property = fc.asyncProperty(directory, name, name, async (tree, after, upTo) => {
    const base = makeRoot();
    build(Buffer.from(`${base}/from`), tree, true);
    const walked = [...walk(`${base}/from`)].map(([path, { type }]) =>
      keyFromBytes(Buffer.from(path + (type === 'directory' ? '2f' : ''), 'hex')),
    );
    const keys = walked.sort((a, b) => Buffer.compare(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1')));
    const source = fileSource(`${base}/from`);
    expect((await listAll(source)).map(({ key }) => key)).toEqual(keys);
    const bounds = [undefined, keyFromBytes(after), keyFromBytes(upTo), ...keys];
    for (const lower of bounds) {
      const range = { after: lower, upTo: keyFromBytes(upTo) };
      const listed = (await listAll(source, range)).map(({ key }) => key);
      expect(listed).toEqual(keys.filter((key) => inRange(key, range)));
    }
    removeRoots();
  });
  await fc.assert(property, { seed: 20261125, numRuns: 60 });
});
