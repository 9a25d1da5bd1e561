import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { holdfast, newFolder } from './holdfast.ts';

const PLAN = `vaults:
  primary: { url: "s3://the-vault/" }
plans:
  app:
    sources: ["s3://the-source/"]
    vault: primary
    schedule: { incremental: "rate(1 day)" }
    objectives: { rpo: 30h }
    verify: { after: never }
`;

function folderWith(plan: string): string {
  const folder = newFolder();
  writeFileSync(join(folder, 'holdfast.yml'), plan);
  return folder;
}

describe('holdfast estimate', () => {
  it('tells sources, vaults, alarms, the sum and what is assumed, without asking AWS or for a key', async () => {
    const ended = await holdfast(folderWith(PLAN), ['estimate', 'app']);
    expect(ended.code, ended.stderr).toBe(0);
    const said = ended.stdout.toString();
    for (const part of [
      's3://the-source/',
      'primary',
      'alarms',
      'sum: ',
      ' USD a month',
      '10,000 entries of 1.0 GiB',
      '1%',
    ])
      expect(said).toContain(part);
  });

  it('gives one document, and takes what it is told of a source that nobody has backed up', async () => {
    const folder = folderWith(PLAN);
    const sums: number[] = [];
    for (const size of ['1MiB', '2 TiB']) {
      const ended = await holdfast(folder, [
        'estimate',
        'app',
        '--json',
        '--objects',
        '50',
        '--bytes',
        size,
        '--changed',
        '10%',
      ]);
      expect(ended.code, ended.stderr).toBe(0);
      const document = JSON.parse(ended.stdout.toString());
      expect(document).toMatchObject({
        plan: 'app',
        where: 'account',
        runs: { incremental: 730 / 24 },
        region: 'us-east-1',
      });
      // Run failed and partial, four at the source, thirteen of the stack.
      expect(document.alarms.count).toBe(19);
      expect(document.assumptions.join()).toContain('50 entries');
      sums.push(document.totalUsd);
    }
    expect(sums[1]).toBeGreaterThan((sums[0] ?? 0) + 40);
  });

  it('takes what was backed up by its recovery points, and directories for nothing', async () => {
    const folder = newFolder();
    writeFileSync(
      join(folder, 'holdfast.yml'),
      `keyFile: holdfast.key\nvaults: { disk: { url: "file://${folder}/vault" } }\nplans: { app: { sources: ["file://${folder}/data/"], vault: disk } }\n`,
    );
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'data', 'a'), 'content');
    for (const args of [
      ['init', '--yes'],
      ['run', 'app'],
    ])
      expect((await holdfast(folder, args)).code).toBe(0);
    const ran = await holdfast(folder, ['run', 'app', '--json']);
    const { run } = JSON.parse(ran.stdout.toString());
    expect(run).not.toHaveProperty('usage');
    const ended = await holdfast(folder, ['estimate', 'app', '--json']);
    const document = JSON.parse(ended.stdout.toString());
    expect(document).toMatchObject({ where: 'here', totalUsd: 0, sources: [{ from: 'recovery points' }] });
    expect(document.vaults[0].storedBytes).toBeGreaterThan(0);
  });

  it.each([
    [['estimate', 'nope'], 'there is no plan "nope"'],
    [['estimate', 'app', '--bytes', 'lots'], 'is not a size'],
    [['estimate', 'app', '--objects', '1.5'], 'is not a whole number'],
    [['estimate', 'app', '--changed', '7'], 'is not a share'],
    [['estimate'], 'estimate needs PLAN'],
  ])('refuses %j with exit code 2', async (args, why) => {
    const ended = await holdfast(folderWith(PLAN), args);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(why);
  });
});
