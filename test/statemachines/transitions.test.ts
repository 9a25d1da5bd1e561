import { describe, expect, it } from 'vitest';
import { RUN_TRANSITIONS, transitionsAround } from '../../functions/core/predict-stack.ts';
import { nextOf, readMachine, type Scope } from './definitions.ts';

/** Where the choices of a source that goes well lead; of several shards `Shards`. */
const WELL: Readonly<Record<string, string>> = {
  InventoryProgress: 'AnyShards',
  AnyShards: 'TakeOnlyShard',
  OnlyShardProgress: 'CommitSnapshot',
  ShardProgress: 'ShardDone',
  Committed: 'Replicas',
  ReplicaProgress: 'ReplicaDone',
  VerifyWanted: 'Verify',
  VerifyProgress: 'VerificationDone',
  RunOutcome: 'RunSucceeded',
};

/** The steps from the start of a scope to its end; a Map's inside is walked once for each item, and the machine that `Verify` starts once. */
function stepsOf(scope: Scope, items: (map: string) => number, choices: Readonly<Record<string, string>>): string[] {
  const steps: string[] = [];
  for (let name: string | undefined = scope.StartAt; name !== undefined; ) {
    const state: Scope['States'][string] | undefined = scope.States[name];
    if (state === undefined) throw new Error(`there is no state ${name}`);
    steps.push(name);
    if (state.ItemProcessor !== undefined)
      for (let item = 0; item < items(name); item += 1) steps.push(...stepsOf(state.ItemProcessor, items, choices));
    if (name === 'Verify' && state.Resource?.includes('startExecution') === true)
      steps.push(...stepsOf(readMachine('verify'), items, choices));
    const next: string | undefined = choices[name] ?? state.Next;
    if (next !== undefined && !nextOf(state).includes(next)) throw new Error(`${name} does not lead to ${next}`);
    name = next;
  }
  return steps;
}

const backup = readMachine('backup');
/** Those that call a function; each has a choice after it. */
const isCall = (step: string): boolean => /^(Take\w+|CommitSnapshot|Replicate|FinishRun|StartRun)$/.test(step);

describe('the transitions of a run that goes well', () => {
  it('are, besides its sources, those that the model knows', () => {
    expect(stepsOf(backup, () => 0, WELL)).toHaveLength(RUN_TRANSITIONS);
  });

  it.each([
    [1, 0, 0],
    [1, 1, 1],
    [1, 3, 0],
    [2, 1, 1],
    [5, 2, 1],
  ])(
    'are, of a source of %d shards with %d replicas and %d verifications, those that the model knows',
    (shards, replicas, verifications) => {
      const items = (map: string) => ({ Sources: 1, Shards: shards, Replicas: replicas })[map] ?? 0;
      const choices = {
        ...WELL,
        ...(shards > 1 ? { AnyShards: 'Shards' } : {}),
        ...(verifications === 0 ? { VerifyWanted: 'SourceDone' } : {}),
      };
      const steps = stepsOf(backup, items, choices);
      const calls = 2 + shards + replicas + verifications;
      expect(steps.filter(isCall)).toHaveLength(2 + calls - verifications);
      expect(steps.length - RUN_TRANSITIONS).toBe(2 * calls + transitionsAround({ shards, replicas, verifications }));
    },
  );
});
