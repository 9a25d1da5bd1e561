import { decodeKey, encodeKey, type KeyRange } from '../core/entry.ts';
import { IntegrityError, InvalidInputError } from '../core/errors.ts';
import { recoveryPointIdOf } from '../core/ids.ts';
import type { InventoryTaken, TakeInventoryInput, TakeInventoryOutput } from '../core/messages.ts';
import { DEFAULT_CONCURRENCY, getPlan, type Plan } from '../core/plan.ts';
import type { Deadline, Ports, ScanStart, Source, SourceScanner, Vault } from '../core/ports.ts';
import { type Base, chooseBase, findTrustedEntries } from './choose-base.ts';
import { divideLeft, MAX_ROUNDS } from './divide-left.ts';
import { boundsOfChain, boundsOfSource, boundsOfStaged, rangesAt, shardsOf } from './divide-source.ts';
import { roundsOf } from './read-parts.ts';
import { getStaging, putStaging, type StagingPlace, stageEntries } from './stage-entries.ts';
import { keepLease } from './start-run.ts';
import { getInventory, type Inventory, putInventory, shardsName, stagedFolder, type Work } from './work-lists.ts';

type TakeInventoryPorts = Pick<
  Ports,
  | 'clock'
  | 'config'
  | 'randomBytes'
  | 'openVault'
  | 'openSource'
  | 'work'
  | 'leases'
  | 'runs'
  | 'recoveryPoints'
  | 'progress'
>;

/**
 * Decides what kind of snapshot is taken and against which base, divides the source into shards, and captures its settings. A base that is
 * missing or damaged turns the snapshot into a full, and `fullBecause` says so. After a commit that answered `divide` it divides no more than what
 * the workers left. A source that lists in an order of its own is read here and
 * staged in the work place; when the scan is begun, short of time, or while the source is not ready to be read, the call returns a cursor.
 */
export async function takeInventory(
  input: TakeInventoryInput,
  ports: TakeInventoryPorts,
  deadline: Deadline,
): Promise<TakeInventoryOutput> {
  const { sourceUri } = await keepLease(input, ports);
  const plan = getPlan(ports.config, input.plan);
  const vault = await ports.openVault(plan.vault);
  const source = await ports.openSource(
    sourceUri,
    plan.sources.find(({ uri }) => uri === sourceUri),
  );
  const left = leftOf(input);
  if (left !== undefined)
    return divide({ input, sourceUri, plan, vault, work: { ...input, attempt: left } }, source, ports, deadline);
  const cursor = cursorOf(input);
  const attempt = cursor?.attempt ?? newAttempt(ports);
  const taking: Taking = { input, sourceUri, plan, vault, work: { ...input, attempt } };
  if (cursor === undefined) {
    const { inventory, start, base } = await describe(taking, source, ports);
    if (start === undefined) {
      const bounds = await boundsOfSource(source, base.reference);
      return finish(taking, inventory, rangesAt(bounds), ports);
    }
    await putInventory(ports.work, taking.work, inventory);
    await putStaging(placeOf(taking, ports), 0, { cursor: start.cursor, runs: [] });
    // Nothing is read before the machine knows the cursor: a call that fails and is made again then goes on with what it had an export started for.
    return { done: false, cursor: `${attempt}.0`, waitSeconds: 1 };
  }
  if ('list' in source)
    throw new InvalidInputError(`${sourceUri} is not staged, so that there is nothing to go on with`);
  return stage(taking, source, cursor.part, ports, deadline);
}

/** One call's view of an inventory. */
interface Taking {
  readonly input: TakeInventoryInput;
  readonly sourceUri: string;
  readonly plan: Plan;
  readonly vault: Vault;
  readonly work: Work;
}

/** An inventory that is done is that of an earlier attempt, whose base was damaged. */
function cursorOf({ inventory }: TakeInventoryInput): { readonly attempt: string; readonly part: number } | undefined {
  if (inventory?.cursor === undefined || inventory.done) return undefined;
  const [, attempt, part] = /^([0-9a-f]{16})\.(\d{1,9})$/.exec(inventory.cursor) ?? [];
  if (attempt === undefined) throw new InvalidInputError(`"${inventory.cursor}" is no cursor of an inventory`);
  return { attempt, part: Number(part) };
}

/** The attempt whose workers left something that is to be divided. */
function leftOf({ inventory, commit }: TakeInventoryInput): string | undefined {
  return inventory?.done === true && commit?.status === 'divide' ? inventory.attempt : undefined;
}

const newAttempt = (ports: Pick<Ports, 'randomBytes'>): string => ports.randomBytes(8).toString('hex');

const placeOf = ({ work, vault }: Taking, ports: TakeInventoryPorts): StagingPlace => ({
  work: ports.work,
  folder: stagedFolder(work),
  keys: vault.keys,
  randomBytes: ports.randomBytes,
});

/** All but the shards. */
async function describe(
  { input, sourceUri, plan, vault, work }: Taking,
  source: Source,
  ports: TakeInventoryPorts,
): Promise<{ readonly inventory: Inventory; readonly base: Base; readonly start: ScanStart | undefined }> {
  const run = await ports.runs.get(input.runId);
  const now = ports.clock.now();
  const { settings, notCaptured } = await source.settings();
  const chosen = await chooseBase(input, run, vault, ports);
  const newest = chosen.kind === 'full' ? undefined : chosen.reference.at(-1);
  const since = newest && { consistentAt: newest.consistentAt, settings: newest.sourceSettings };
  const start = 'list' in source ? undefined : await source.beginScan(now, since);
  const because = start?.fullBecause;
  const base: Base = because === undefined ? chosen : { ...chosen, kind: 'full', fullBecause: because, chain: [] };
  const bounds = start === undefined ? [] : boundsOfChain(base.reference).map(encodeKey);
  const { attempt } = work;
  const inventory: Inventory = {
    kind: base.kind,
    sourceUri,
    vault: plan.vault,
    reference: base.reference.map((manifest) => manifest.snapshotId),
    reuse: !base.damaged && (base.kind !== 'full' || plan.full === 'reuse'),
    baseId: base.chain.at(-1),
    chain: [...base.chain],
    fullBecause: base.fullBecause,
    trustedEntries: await findTrustedEntries(input, vault.name, ports),
    consistentAt: start?.consistentAt ?? now.toISOString(),
    startedAt: run.startedAt,
    rounds: [],
    ...(start === undefined ? {} : { staged: { attempt, part: 0, changesOnly: start.changesOnly, bounds } }),
    sourceSettings: settings,
    settingsNotCaptured: [...notCaptured],
  };
  return { inventory, base, start };
}

/**
 * A source that is not ready is looked at ever more rarely: all sources of a run share one history of 25,000 events, nine of them a look (Step
 * Functions quotas), and of an hour of waiting a few minutes more matter little.
 */
const secondsToWait = (asked: number | undefined, part: number): number =>
  asked === undefined ? 1 : Math.max(1, asked, Math.min(MAX_LOOK_SECONDS, LOOK_SECONDS * part));
const LOOK_SECONDS = 3;
const MAX_LOOK_SECONDS = 300;

/** Reads on what the source gives, from a part of the staging to the next. */
async function stage(
  taking: Taking,
  source: SourceScanner,
  part: number,
  ports: TakeInventoryPorts,
  deadline: Deadline,
): Promise<TakeInventoryOutput> {
  const { work, sourceUri } = taking;
  const place = placeOf(taking, ports);
  let [entries, bytes] = [0, 0];
  const { staging, waitSeconds } = await stageEntries(source, await getStaging(place, part), place, {
    deadline,
    onEntries: (more, moreBytes) => {
      [entries, bytes] = [entries + more, bytes + moreBytes];
      ports.progress({ step: 'take-inventory', source: sourceUri, entries, bytes });
    },
  });
  await putStaging(place, part + 1, staging);
  if (staging.cursor !== undefined)
    return { done: false, cursor: `${work.attempt}.${part + 1}`, waitSeconds: secondsToWait(waitSeconds, part) };
  const inventory = await getInventory(ports.work, work);
  const { staged } = inventory;
  if (staged === undefined) throw new InvalidInputError(`${sourceUri} is not staged; run again`);
  const bounds = staged.changesOnly ? staged.bounds.map(decodeKey) : boundsOfStaged(staging);
  // An attempt of its own: of two workers that end one staging each has its own shards, and no snapshot lacks what only the other divided.
  const ended: Taking = { ...taking, work: { ...work, attempt: newAttempt(ports) } };
  return finish(ended, { ...inventory, staged: { ...staged, part: part + 1 } }, rangesAt(bounds), ports);
}

/**
 * Divides what the workers of the last round left. Under an attempt of its own: of two calls each has its own shards, and the machine goes on with those
 * of one.
 */
async function divide(
  taking: Taking,
  source: Source,
  ports: TakeInventoryPorts,
  deadline: Deadline,
): Promise<TakeInventoryOutput> {
  const { work, sourceUri } = taking;
  const inventory = await getInventory(ports.work, work);
  const round = roundsOf(inventory, work).at(-1);
  if (round === undefined || !('list' in source) || source.peek === undefined)
    throw new InvalidInputError(`${sourceUri} cannot be divided, so that no worker can have left a part of it`);
  if (inventory.rounds.length >= MAX_ROUNDS)
    throw new IntegrityError(`${sourceUri} was divided ${MAX_ROUNDS} times, and still a worker left a part of it`);
  const ranges = await divideLeft(ports.work, round, source.peek, deadline);
  return finish({ ...taking, work: { ...work, attempt: newAttempt(ports) } }, inventory, ranges, ports);
}

async function finish(
  { input, sourceUri, plan, work }: Taking,
  before: Inventory,
  ranges: readonly KeyRange[],
  ports: TakeInventoryPorts,
): Promise<InventoryTaken> {
  const { plan: name, runId, sourceId, snapshotId } = input;
  const { attempt } = work;
  const first = before.rounds.reduce((sum, round) => sum + round.shards, 0);
  const shards = shardsOf(ranges, first, { plan: name, runId, sourceId, snapshotId, attempt });
  const inventory = { ...before, rounds: [...before.rounds, { attempt, shards: shards.length }] };
  await putInventory(ports.work, work, inventory);
  await ports.work.put(shardsName(work), Buffer.from(JSON.stringify(shards)));
  const [onlyShard, ...others] = shards;
  const isWhole = first === 0 && others.length === 0 && onlyShard !== undefined;
  return {
    done: true,
    kind: inventory.kind,
    attempt,
    shardsKey: shardsName(work),
    shards: shards.length,
    ...(isWhole ? { onlyShard } : {}),
    concurrency: plan.sources.find(({ uri }) => uri === sourceUri)?.concurrency ?? DEFAULT_CONCURRENCY,
    replicas: plan.replicateTo.map((to) => ({ to })),
    verify: plan.verify.after === 'every',
    recoveryPointId: recoveryPointIdOf(snapshotId, plan.vault),
  };
}
