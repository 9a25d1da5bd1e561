import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Attributes } from '../../../functions/core/entry.ts';
import { planExport, type TableNow } from '../../../functions/sources/dynamodb/export-window.ts';

const DAY = 24 * 60 * 60;
const NOW = new Date('2026-03-10T12:00:00.750Z');
const NOW_SECONDS = Date.parse('2026-03-10T12:00:00Z') / 1000;
const TABLE: TableNow = {
  tableId: 'table-1',
  keyNames: ['pk', 'sk'],
  earliest: new Date('2026-02-03T12:00:00Z'),
  recoveryPeriodDays: 35,
};
const SETTINGS: Attributes = {
  tableId: 'table-1',
  engine: 'export',
  keySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
};
const since = (consistentAt: string, settings: Attributes = SETTINGS) => ({ consistentAt, settings });

describe('a full export', () => {
  it('is of the whole second before now', () => {
    expect(planExport(NOW, TABLE)).toEqual({ kind: 'full', at: NOW_SECONDS });
  });

  it('is of the first second of point-in-time recovery where that was switched on within this one', () => {
    const table = { ...TABLE, earliest: new Date('2026-03-10T12:00:00.500Z') };
    expect(planExport(NOW, table)).toEqual({ kind: 'full', at: NOW_SECONDS + 1 });
  });
});

describe('the changes since a snapshot', () => {
  it('begin exactly at its second and end at now', () => {
    expect(planExport(NOW, TABLE, since('2026-03-10T11:00:00.000Z'))).toEqual({
      kind: 'changes',
      windows: [{ from: NOW_SECONDS - 3600, to: NOW_SECONDS }],
      waitSeconds: 0,
    });
  });

  it('end 15 minutes after it, which is waited for, where fewer have passed', () => {
    expect(planExport(NOW, TABLE, since('2026-03-10T11:50:00.000Z'))).toEqual({
      kind: 'changes',
      windows: [{ from: NOW_SECONDS - 600, to: NOW_SECONDS + 300 }],
      waitSeconds: 300,
    });
  });

  it('are one window of 24 hours, and two of half of a second more', () => {
    expect(planExport(NOW, TABLE, since('2026-03-09T12:00:00.000Z'))).toMatchObject({
      windows: [{ from: NOW_SECONDS - DAY, to: NOW_SECONDS }],
    });
    expect(planExport(NOW, TABLE, since('2026-03-09T11:59:59.000Z'))).toMatchObject({
      windows: [
        { from: NOW_SECONDS - DAY - 1, to: NOW_SECONDS - DAY / 2 - 1 },
        { from: NOW_SECONDS - DAY / 2 - 1, to: NOW_SECONDS },
      ],
    });
  });

  it('join without gap or overlap, each window between 15 minutes and 24 hours, whatever time has passed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 34 * DAY }), (passed) => {
        const from = NOW_SECONDS - passed;
        const plan = planExport(NOW, TABLE, since(new Date(from * 1000).toISOString()));
        if (plan.kind !== 'changes') return false;
        const { windows, waitSeconds } = plan;
        const ends = windows.map((window) => window.to);
        return (
          windows.every(({ from, to }) => to - from >= 15 * 60 && to - from <= DAY) &&
          windows[0]?.from === from &&
          windows.slice(1).every((window, index) => window.from === ends[index]) &&
          ends.at(-1) === NOW_SECONDS + waitSeconds &&
          windows.length === Math.max(1, Math.ceil(passed / DAY))
        );
      }),
      { seed: 1 },
    );
  });
});

describe('a gap makes it a full export that says why', () => {
  const { engine: _, ...byScan } = SETTINGS;
  const HOUR_AGO = '2026-03-10T11:00:00.000Z';
  it.each<[what: string, consistentAt: string, settings: Attributes, table: Partial<TableNow>, because: RegExp]>([
    [
      'point-in-time recovery was switched off and on',
      HOUR_AGO,
      SETTINGS,
      { earliest: new Date('2026-03-10T11:30:00Z') },
      /reaches back to 2026-03-10T11:30:00\.000Z only.*switched off and on/,
    ],
    [
      'it was switched on again within the second of the snapshot',
      HOUR_AGO,
      SETTINGS,
      { earliest: new Date('2026-03-10T11:00:00.001Z') },
      /reaches back/,
    ],
    [
      'the clock is 36 days later',
      '2026-02-02T12:00:00.000Z',
      SETTINGS,
      {},
      /older than the 35 days of point-in-time recovery/,
    ],
    [
      'a shorter recovery period has passed',
      '2026-03-02T11:00:00.000Z',
      SETTINGS,
      { recoveryPeriodDays: 7 },
      /older than the 7 days/,
    ],
    ['the table was made again', HOUR_AGO, SETTINGS, { tableId: 'table-2' }, /deleted and made again/],
    ['the key has other attributes', HOUR_AGO, SETTINGS, { keyNames: ['pk'] }, /another primary key/],
    ['the newest snapshot was taken by a scan', HOUR_AGO, byScan, {}, /not taken by an export/],
    ['its state is not that of a second', '2026-03-10T11:00:00.250Z', SETTINGS, {}, /not the state of one second/],
    ['its settings do not name the table', HOUR_AGO, { engine: 'export' }, {}, /does not tell of which table/],
    ['it is later than the clock', '2026-03-10T12:00:01.000Z', SETTINGS, {}, /later than the clock/],
    [
      'DynamoDB does not say how far back it reaches',
      HOUR_AGO,
      SETTINGS,
      { earliest: undefined },
      /does not say how far/,
    ],
  ])('%s', (_what, consistentAt, settings, table, because) => {
    expect(planExport(NOW, { ...TABLE, ...table }, since(consistentAt, settings))).toEqual({
      kind: 'full',
      at: NOW_SECONDS,
      because: expect.stringMatching(because),
    });
  });

  it('is none where recovery reaches back exactly to the snapshot', () => {
    const table = { ...TABLE, earliest: new Date(HOUR_AGO) };
    expect(planExport(NOW, table, since(HOUR_AGO))).toMatchObject({ kind: 'changes' });
  });
});
