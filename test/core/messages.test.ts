import { describe, expect, it } from 'vitest';
import { takeSnapshotInput } from '../../functions/core/messages.ts';

describe('messages', () => {
  it('take the longest path of a disk as a bound and as a cursor', () => {
    const key = Buffer.alloc(4095, 'k').toString('base64url');
    const input = {
      plan: 'web',
      runId: '0'.repeat(32),
      sourceId: '0'.repeat(16),
      snapshotId: '20260301T100000000Z-000000000000',
      attempt: '0'.repeat(16),
      shard: 1,
      after: key,
      upTo: key,
      progress: { done: false, cursor: `999999.${key}` },
    };
    expect(takeSnapshotInput.safeParse(input).success).toBe(true);
  });
});
