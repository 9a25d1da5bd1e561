/** Which staging labels to move, so that a secret's versions have exactly those that they should. */
import { CURRENT } from './content.ts';
import type { Stages } from './read.ts';

const PREVIOUS = 'AWSPREVIOUS';

export interface StageMove {
  readonly stage: string;
  readonly from: string | undefined;
  /** Undefined: the label goes. */
  readonly to: string | undefined;
}

/**
 * The moves, in order: first AWSCURRENT, by which readers see the new value; with it Secrets Manager moves AWSPREVIOUS to the version that AWSCURRENT
 * leaves (UpdateSecretVersionStage). Labels that nothing asks for go last.
 */
export function planStages(wanted: Stages, found: Stages): readonly StageMove[] {
  const [want, have] = [byStage(wanted), byStage(found)];
  const moves: StageMove[] = [];
  const move = (stage: string, to: string | undefined) => {
    const from = have.get(stage);
    if (from === to) return;
    moves.push({ stage, from, to });
    if (stage === CURRENT && from !== undefined) have.set(PREVIOUS, from);
  };
  move(CURRENT, want.get(CURRENT));
  for (const [stage, id] of want) if (stage !== CURRENT) move(stage, id);
  for (const stage of [...have.keys()]) if (!want.has(stage)) move(stage, undefined);
  return moves;
}

function byStage(stages: Stages): Map<string, string> {
  return new Map(Object.entries(stages).flatMap(([id, labels]) => labels.map((label) => [label, id] as const)));
}
