import { describe, expect, it } from 'vitest';
import { progressLine, progressText } from '../../functions/local/progress.ts';
import { remember } from './streams.ts';

const tick = { step: 'take-snapshot', source: 'file:///srv/data', entries: 1200, bytes: 3_145_728 };

describe('the progress line', () => {
  it('writes nothing where there is no terminal', () => {
    const { sink, text } = remember();
    const progress = progressLine(sink, () => 0);
    progress.tick(tick);
    progress.show('backup in the account');
    progress.clear();
    expect(text()).toBe('');
    expect(progress.visible).toBe(false);
  });

  it('shows step, source, entries, bytes and rate', () => {
    expect(progressText(tick, 2)).toBe('take-snapshot file:///srv/data: 1,200 entries, 3.0 MiB, 1.5 MiB/s');
  });

  it('fits the columns of the terminal', () => {
    const { sink, text } = remember(30);
    progressLine(sink, () => 0).tick(tick);
    expect(text()).toBe('\r\x1b[2Ktake-snapshot file:///srv/da…');
  });

  it('shows what is done elsewhere, within the columns, and takes it away', () => {
    const { sink, text } = remember(30);
    const progress = progressLine(sink, () => 0);
    expect(progress.visible).toBe(true);
    progress.show('backup in the account: Replicate, 34 s');
    progress.clear();
    expect(text()).toBe('\r\x1b[2Kbackup in the account: Repli…\r\x1b[2K');
  });

  it('takes a terminal that says that it has no columns for one of the usual width', () => {
    const { sink, text } = remember(0);
    progressLine(sink, () => 0).show('a'.repeat(100));
    expect(text()).toBe(`\r\x1b[2K${'a'.repeat(78)}…`);
  });

  it('is redrawn at most ten times a second', () => {
    const { sink, text } = remember(80);
    const clock = { now: 0 };
    const progress = progressLine(sink, () => clock.now);
    for (clock.now = 0; clock.now < 1000; clock.now += 10) progress.tick(tick);
    expect(text().split('\r').length - 1).toBe(10);
  });

  it('lets a name forge no colour', () => {
    expect(progressText({ ...tick, source: 'file:///\x1b[31m' }, 0)).not.toContain('\x1b');
  });
});
