import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatVersions,
  parseVersions,
  type SecretVersion,
} from '../../../functions/sources/secrets-manager/content.ts';
import { planStages, type StageMove } from '../../../functions/sources/secrets-manager/stages.ts';

const IDS = ['v1', 'v2', 'v3', 'v4'];
const LABELS = ['AWSPREVIOUS', 'AWSPENDING', 'blue', 'holdfast-restore-0'];

/** Labels of versions by label, AWSCURRENT always among them. */
const labelled = fc
  .record({
    current: fc.constantFrom(...IDS),
    others: fc.dictionary(fc.constantFrom(...LABELS), fc.constantFrom(...IDS)),
  })
  .map(({ current, others }): Record<string, string> => ({ ...others, AWSCURRENT: current }));

function byVersion(labels: Readonly<Record<string, string>>): Record<string, string[]> {
  const versions: Record<string, string[]> = {};
  for (const [label, id] of Object.entries(labels)) versions[id] = [...(versions[id] ?? []), label];
  return versions;
}

/** As UpdateSecretVersionStage does it, and refuses what it refuses. */
function move(labels: Record<string, string>, { stage, from, to }: StageMove): void {
  expect(labels[stage]).toBe(from);
  if (to !== undefined) labels[stage] = to;
  else {
    expect(stage).not.toBe('AWSCURRENT');
    delete labels[stage];
  }
  if (stage === 'AWSCURRENT' && from !== undefined) labels.AWSPREVIOUS = from;
}

describe('the moves of staging labels', () => {
  it('give every version exactly the labels that it should have, and move AWSCURRENT at most once, first', () => {
    fc.assert(
      fc.property(labelled, labelled, (wanted, found) => {
        const moves = planStages(byVersion(wanted), byVersion(found));
        const labels = { ...found };
        for (const one of moves) move(labels, one);
        expect(labels).toEqual(wanted);
        expect(moves.slice(1).some(({ stage }) => stage === 'AWSCURRENT')).toBe(false);
      }),
    );
  });

  it('are none where nothing differs', () => {
    fc.assert(
      fc.property(labelled, (labels) => {
        expect(planStages(byVersion(labels), byVersion(labels))).toEqual([]);
      }),
    );
  });
});

describe('the content of a secret', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }).map((string) => ({ string })),
    fc.uint8Array().map((bytes) => ({ binary: Buffer.from(bytes).toString('base64') })),
  );
  const versions = fc
    .tuple(labelled, fc.array(value, { minLength: 4, maxLength: 4 }))
    .map(([labels, values]) =>
      Object.entries(byVersion(labels)).map(
        ([versionId, stages], index): SecretVersion => ({ versionId, stages, ...(values[index] ?? { string: '' }) }),
      ),
    );

  it('is the same text whatever the order, and comes back from it', () => {
    fc.assert(
      fc.property(versions, (some) => {
        const text = formatVersions(some);
        const shuffled = [...some].reverse().map((one) => ({ ...one, stages: [...one.stages].reverse() }));
        expect(formatVersions(shuffled)).toBe(text);
        expect(formatVersions(parseVersions(Buffer.from(text).toString('utf8'), 'secret'))).toBe(text);
      }),
    );
  });
});
