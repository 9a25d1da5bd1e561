/** Tables of ten thousand items of every type, backed up and restored by the command line, and judged by boto3. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { holdfast, newKeptFolder, removeKeptFolders } from '../local/holdfast.ts';
import { awsEnv, judgeTables } from './judge.ts';
import { type Emulator, startDynamoDbLocal, startMoto } from './services.ts';

const ITEMS = 10_000;
const SOURCE = 'dynamodb://orders';

describe.each([
  ['moto', startMoto, 'full'],
  ['DynamoDB Local', startDynamoDbLocal, 'plain'],
] as const)('a table of %s', (_, startEmulator, kind) => {
  let emulator: Emulator;
  let folder: string;
  /** The table at each snapshot, and the snapshots' ids. */
  const states: string[] = [];
  const points: string[] = [];
  let described: unknown;

  const judge = (...args: readonly string[]): Promise<string> => judgeTables(emulator.endpoint, ...args);
  const run = async (code: number, ...args: readonly string[]) => {
    const ended = await holdfast(folder, ['--json', ...args], awsEnv(emulator.endpoint));
    expect(ended.code, `${args.join(' ')}: ${ended.stderr}\n${ended.stdout}`).toBe(code);
    return JSON.parse(ended.stdout.toString());
  };
  const describeTable = async (table: string): Promise<unknown> => JSON.parse(await judge('describe', table));

  beforeAll(async () => {
    emulator = await startEmulator();
    folder = newKeptFolder();
    writeFileSync(
      join(folder, 'holdfast.yml'),
      `vaults:\n  primary: { url: "file://${folder}/vault" }\nplans:\n  app:\n    sources: ["${SOURCE}"]\n    vault: primary\n    verify: { level: restore, sample: 5% }\n`,
    );
    await run(0, 'init', '--yes');
    await judge('create', 'orders', kind, kind === 'full' ? (await judge('kms-key')).trim() : '');
    await judge('fill', 'orders', String(ITEMS));
  });
  afterAll(async () => {
    await emulator?.stop();
    await removeKeptFolders();
  });

  it.each(['full', 'incremental', 'differential'])('is backed up and verified in a %s', async (snapshotKind) => {
    if (snapshotKind === 'incremental') await judge('change', 'orders', String(ITEMS));
    if (snapshotKind === 'differential') await judge('change', 'orders', String(ITEMS / 2));
    const { sources } = await run(0, 'run', 'app', '--kind', snapshotKind);
    const [{ recoveryPoint }] = sources;
    states.push(await judge('dump', 'orders'));
    points.push(recoveryPoint.recoveryPointId);
    expect(recoveryPoint).toMatchObject({
      kind: snapshotKind,
      status: 'available',
      verified: { outcome: 'verified', level: 'restore' },
    });
    expect(JSON.parse(await judge('tables'))).toEqual(['orders']);
  });

  it.each([0, 1, 2])('comes back as it was in snapshot %i, item by item and with all its settings', async (index) => {
    const point = points[index] ?? '';
    const report = await run(0, 'restore', point, '--to', `dynamodb://restored-${index}`);
    expect(report).toMatchObject({ status: 'succeeded', failed: 0 });
    const items = await judge('dump', `restored-${index}`);
    expect(items.trimEnd().split('\n').at(-1)).toBe(String(report.restored));
    expect(items === states[index]).toBe(true);
    described = await describeTable('orders');
    expect(await describeTable(`restored-${index}`)).toEqual(described);
  });

  it('is brought back exactly where it was changed, and nothing else is written', async () => {
    const report = await run(0, 'restore', points[0] ?? '', '--to', 'dynamodb://restored-1', '--exact');
    // A tenth was changed, a twentieth deleted, and a twentieth added.
    expect(report).toMatchObject({ restored: ITEMS / 10 + ITEMS / 20, removed: ITEMS / 20, status: 'succeeded' });
    expect((await judge('dump', 'restored-1')) === states[0]).toBe(true);
  });

  it('gives back one partition, or one item, alone', async () => {
    const [one] = points;
    const partition = await run(
      0,
      'restore',
      one ?? '',
      '--to',
      'dynamodb://some',
      '--key',
      '{"pk":{"S":"customer-7"}}',
    );
    expect(partition).toMatchObject({ restored: ITEMS / 500, status: 'succeeded' });
    const item = '{"sk":{"N":"8"}, "pk":{"S":"customer-8"}}';
    await run(0, 'restore', one ?? '', '--to', 'dynamodb://some', '--key', item, '--on-conflict', 'skip');
    const lines = (await judge('dump', 'some')).trimEnd().split('\n');
    expect(lines.at(-1)).toBe(String(ITEMS / 500 + 1));
    expect(states[0]?.split('\n')).toEqual(expect.arrayContaining(lines.slice(0, -1)));
  });

  it('writes no pack where nothing changed', async () => {
    await run(0, 'run', 'app', '--kind', 'incremental');
    const { sources } = await run(0, 'run', 'app', '--kind', 'incremental');
    const { counts, sizes } = sources[0].recoveryPoint;
    expect(counts).toMatchObject({ added: 0, changed: 0, removed: 0 });
    expect(sizes.storedBytes).toBe(0);
  });
});
