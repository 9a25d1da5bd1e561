/** Verifies the entries of a recovery point: their contents as stored, or the entries as they come back from a sandbox. */
import { type EntryKey, type KeyRange, type PresentEntry, quoteKey } from '../core/entry.ts';
import { IntegrityError, messageOf } from '../core/errors.ts';
import type { SourceReader, Target } from '../core/ports.ts';
import { eachOf } from './each-of.ts';
import { mapInOrder } from './map-in-order.ts';
import { isOutOfTime } from './out-of-time.ts';
import { presentEntries } from './read-chain.ts';
import { readContent, readContents } from './read-contents.ts';
import { findDifference, onlyDirectories, restoreEntries } from './restore-entries.ts';
import { sampleEntries } from './sample-entries.ts';
import { removeStaged } from './stage-entries.ts';
import { stageWhole } from './stage-target.ts';
import type { Verifying, VerifyPorts } from './verify.ts';
import { addDamage, addProblem } from './verify-session.ts';
import { zipByKey } from './zip-by-key.ts';

/** Contents compared side by side. */
const READERS = 8;

/** The entries that this verification looks at, in a range. */
const chosenEntries = ({ vault, chain, session, after }: Verifying, range: KeyRange): AsyncGenerator<PresentEntry> =>
  sampleEntries(presentEntries(vault, chain, range), {
    seed: session.verificationId,
    share: session.share,
    withFirst: after === undefined,
  });

/** Ends when time is short, and says after which key. A part of the time is left for what must be done with the entries afterwards. */
async function* whileThereIsTime(
  entries: AsyncIterable<PresentEntry>,
  verifying: Verifying,
  options: { readonly keepShare: number },
  stopped: { at: EntryKey | undefined },
): AsyncGenerator<PresentEntry> {
  const end = verifying.deadline.remainingMillis() * options.keepShare;
  for await (const entry of entries) {
    yield entry;
    if (verifying.deadline.remainingMillis() >= end && !isOutOfTime(verifying.deadline)) continue;
    stopped.at = entry.key;
    return;
  }
}

/** Reads, unseals and hashes contents. Returns the key after which it stopped, or undefined when all is done. */
export async function verifyData(verifying: Verifying, ports: VerifyPorts): Promise<EntryKey | undefined> {
  const { vault, session, point, after } = verifying;
  const stopped: { at: EntryKey | undefined } = { at: undefined };
  const entries = whileThereIsTime(chosenEntries(verifying, { after }), verifying, { keepShare: 0 }, stopped);
  for await (const { entry, content, leave } of readContents(vault, entries, 'judged')) {
    try {
      for await (const _ of content);
    } catch (error) {
      if (!(error instanceof IntegrityError)) throw error;
      addDamage(session, `${quoteKey(entry.key)}: ${messageOf(error)}`);
    }
    leave();
    session.checkedEntries += 1;
    session.checkedBytes += entry.sizeBytes;
    ports.progress({
      step: 'verify',
      source: point.sourceUri,
      entries: session.checkedEntries,
      bytes: session.checkedBytes,
    });
  }
  return stopped.at;
}

/**
 * Restores entries into a sandbox, reads them back from there through the place's own API, and compares entry by entry: content, attributes,
 * existence, and that nothing else is there.
 */
export async function verifyRestore(
  verifying: Verifying,
  sandbox: Target,
  ports: VerifyPorts,
): Promise<EntryKey | undefined> {
  const { vault, session, point, after } = verifying;
  const stopped: { at: EntryKey | undefined } = { at: undefined };
  const restored: Restored = { failed: new Set(), notHeld: new Map() };
  await sandbox.creation?.create(verifying.chain.at(-1)?.sourceSettings ?? {}, { bare: true });
  // Comparing takes about as long as restoring, and longer where what was restored must be staged to be listed in order.
  const keepShare = 'list' in sandbox ? 0.5 : 0.65;
  const entries = whileThereIsTime(chosenEntries(verifying, { after }), verifying, { keepShare }, stopped);
  for await (const result of restoreEntries(vault, entries, sandbox)) {
    session.checkedEntries += 1;
    session.checkedBytes += result.entry.sizeBytes;
    ports.progress({
      step: 'verify',
      source: point.sourceUri,
      entries: session.checkedEntries,
      bytes: session.checkedBytes,
    });
    if (result.state === 'restored') {
      if (result.notHeld.length > 0) restored.notHeld.set(result.entry.key, result.notHeld);
      for (const name of result.notHeld) session.notHeld[name] = (session.notHeld[name] ?? 0) + 1;
      continue;
    }
    restored.failed.add(result.entry.key);
    const problem = `${quoteKey(result.entry.key)}: ${result.reason}`;
    if (result.fault === 'place') await readInstead(verifying, result.entry);
    else if (result.fault === 'vault') addDamage(session, problem);
    else addProblem(session, problem);
  }
  const range = { after, upTo: stopped.at };
  await sandbox.finish(onlyDirectories(chosenEntries(verifying, range)));
  const staging = {
    work: ports.work,
    folder: `verifications/${session.verificationId}/${verifying.part}/staged`,
    keys: vault.keys,
    randomBytes: ports.randomBytes,
  };
  try {
    const listing = await stageWhole(sandbox, staging, ports.clock.now());
    await compareSandbox(verifying, range, listing, restored);
  } finally {
    if (!('list' in sandbox)) await removeStaged(staging);
  }
  return stopped.at;
}

interface Restored {
  readonly failed: Set<EntryKey>;
  /** Attributes that the sandbox said that it cannot hold; what verification then says does not cover them. */
  readonly notHeld: Map<EntryKey, readonly string[]>;
}

function withoutAttributes(entry: PresentEntry, names: readonly string[] | undefined): PresentEntry {
  if (names === undefined) return entry;
  const attributes = Object.fromEntries(Object.entries(entry.attributes).filter(([name]) => !names.includes(name)));
  return { ...entry, attributes };
}

/** An entry that the sandbox cannot hold (a key too long below its prefix, say) is read and hashed, and named as an exception. */
async function readInstead({ vault, session }: Verifying, entry: PresentEntry): Promise<void> {
  session.readInstead += 1;
  try {
    for await (const _ of readContent(vault, entry));
  } catch (error) {
    if (!(error instanceof IntegrityError)) throw error;
    addDamage(session, `${quoteKey(entry.key)}: ${messageOf(error)}`);
  }
}

async function compareSandbox(
  verifying: Verifying,
  range: KeyRange,
  sandbox: SourceReader,
  restored: Restored,
): Promise<void> {
  const pairs = zipByKey(chosenEntries(verifying, range), eachOf(sandbox.list({})));
  let parents: EntryKey[] = [];
  const compared = mapInOrder(pairs, READERS, async ({ key, left, right }) => {
    if (left === undefined) return { key, extra: true };
    if (right === undefined)
      return {
        key,
        problem: restored.failed.has(key) ? undefined : `${quoteKey(key)} was restored but is not in the sandbox`,
      };
    if ('unprotected' in right) return { key, problem: `${quoteKey(key)} cannot be read back: ${right.unprotected}` };
    return { key, problem: await findDifference(withoutAttributes(left, restored.notHeld.get(key)), right, sandbox) };
  });
  for await (const { key, extra, problem } of compared) {
    // A directory that came to be because an entry below it was restored is no extra; one that has none is.
    const orphans = parents.filter((parent) => !key.startsWith(parent));
    for (const orphan of orphans)
      addProblem(verifying.session, `${quoteKey(orphan)} is in the sandbox but not in the snapshot`);
    if (extra === true && key.endsWith('/')) parents = [...parents.filter((parent) => key.startsWith(parent)), key];
    else if (extra === true)
      addProblem(verifying.session, `${quoteKey(key)} is in the sandbox but not in the snapshot`);
    else parents = [];
    if (problem !== undefined) addProblem(verifying.session, problem);
  }
  for (const parent of parents)
    addProblem(verifying.session, `${quoteKey(parent)} is in the sandbox but not in the snapshot`);
}
