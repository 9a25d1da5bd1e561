import { describe, expect, it } from 'vitest';
import type { SourceState } from '../../functions/core/catalogue-records.ts';
import { sourceIdOf } from '../../functions/core/ids.ts';
import { configSchema } from '../../functions/core/plan.ts';
import { sourceStatuses } from '../../functions/local/commands/status.ts';

const SOURCE = 's3://acme-uploads/';
const NOW = new Date('2026-11-25T12:00:00Z');

const configWith = (objectives: object) =>
  configSchema.parse({
    vaults: { primary: { url: 'file:///a' } },
    plans: { 'web-app': { sources: [SOURCE], vault: 'primary', objectives } },
  });

const stateOf = (changes: Partial<SourceState>): SourceState => ({
  sourceId: sourceIdOf(changes.sourceUri ?? SOURCE),
  sourceUri: SOURCE,
  plan: 'web-app',
  token: 1,
  ...changes,
});

describe('the status of a source', () => {
  it('is a breach of the objective when nothing was ever verified: silence is the worst failure', () => {
    expect(sourceStatuses(configWith({ rpo: '90m' }), [], NOW)).toEqual([
      { source: SOURCE, plan: 'web-app', rpoSeconds: 5400, rpo: 'breached' },
    ]);
  });

  it('is a breach when only what is not verified is young enough', () => {
    const state = stateOf({
      latestConsistentAt: '2026-11-25T11:59:00.000Z',
      latestVerifiedConsistentAt: '2026-11-25T10:29:00.000Z',
    });
    const [status] = sourceStatuses(configWith({ rpo: '90m' }), [state], NOW);
    expect(status).toMatchObject({ ageSeconds: 60, verifiedAgeSeconds: 5460, rpo: 'breached' });
  });

  it('meets the objective while the newest verified state is young enough', () => {
    const state = stateOf({ latestVerifiedConsistentAt: '2026-11-25T10:30:00.000Z' });
    expect(sourceStatuses(configWith({ rpo: '90m' }), [state], NOW)[0]?.rpo).toBe('met');
  });

  it('judges nothing where the plan sets no objective', () => {
    expect(sourceStatuses(configWith({}), [stateOf({})], NOW)[0]?.rpo).toBe('none');
  });

  it('is told also for a source that the plan file no longer has', () => {
    const gone = stateOf({ sourceUri: 's3://gone/', plan: 'old' });
    expect(sourceStatuses(configWith({}), [gone], NOW).map(({ source, plan }) => [source, plan])).toEqual([
      [SOURCE, 'web-app'],
      ['s3://gone/', 'old'],
    ]);
  });
});
