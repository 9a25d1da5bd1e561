import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expireWork } from '../../functions/local/expire-work.ts';
import { workPlaceIn } from '../../functions/runtime/local-places.ts';
import { newFolder } from './holdfast.ts';

const DAY = 24 * 60 * 60;

it('keeps in the work place what is younger than a week, and nothing else', async () => {
  const folder = newFolder();
  const work = workPlaceIn(folder);
  const now = new Date('2026-03-10T12:00:00Z');
  for (const [name, days] of [
    ['runs/a/staged/1', 8],
    ['runs/a/inventory.json', 7.1],
    ['restores/b/0.json', 6.9],
    ['runs/c/staged/1', 0],
  ] as const) {
    await work.put(name, Buffer.from('x'));
    const seconds = now.getTime() / 1000 - days * DAY;
    utimesSync(join(folder, name), seconds, seconds);
  }
  expect(await expireWork(work, now)).toBe(2);
  const left: string[] = [];
  for await (const { name } of work.list('')) left.push(name);
  expect(left).toEqual(['restores/b/0.json', 'runs/c/staged/1']);
  expect(await expireWork(work, now)).toBe(0);
});

it('does nothing where there is no work place yet', async () => {
  expect(await expireWork(workPlaceIn(join(newFolder(), 'absent')), new Date())).toBe(0);
});
