/** `holdfast ls`, `find`, `diff` and `cat`: looking into recovery points. */
import type { EntryKey, PresentEntry } from '../../core/entry.ts';
import { NotFoundError } from '../../core/errors.ts';
import type { RecoveryPointId, SourceId } from '../../core/ids.ts';
import { diffSnapshots } from '../../operations/diff-snapshots.ts';
import { findVersions } from '../../operations/find-versions.ts';
import { listEntries } from '../../operations/list-entries.ts';
import { readEntry } from '../../operations/read-entry.ts';
import { positional } from '../arguments.ts';
import { EXIT } from '../failure.ts';
import { showCount, showTime } from '../figures.ts';
import { keysFromTyped, prefixFromTyped, showKey } from '../key-text.ts';
import { placeFrom } from '../places.ts';
import { getSource, resolveRecoveryPoint } from '../recovery-points.ts';
import { type CommandContext, type Session, withSession } from '../session.ts';

/** An entry as `--json` shows it; the key as it can be typed in again. */
function entryDocument(sourceUri: string, entry: PresentEntry): object {
  const { sizeBytes, sha256, attributes } = entry;
  return { key: showKey(sourceUri, entry.key), sizeBytes, sha256, attributes };
}

/** Right-aligned to 15 columns: up to 999,999,999,999 bytes. */
function sizeColumn(entry: PresentEntry | undefined): string {
  return (entry === undefined ? '-' : showCount(entry.sizeBytes)).padStart(15);
}

export async function lsCommand(context: CommandContext): Promise<number> {
  const { console, invocation } = context;
  return withSession(context, async ({ ports }) => {
    const { recoveryPointId, sourceUri } = await resolveRecoveryPoint(ports, positional(invocation, 0));
    const [, prefix] = invocation.positionals;
    const entries = listEntries(
      { recoveryPointId, ...(prefix === undefined ? {} : { prefix: prefixFromTyped(sourceUri, prefix) }) },
      ports,
    );
    if (console.json) {
      const documents = mapAsync(entries, (entry) => entryDocument(sourceUri, entry));
      await console.list({ recoveryPointId }, 'entries', documents);
    } else {
      for await (const entry of entries) await console.line(`${sizeColumn(entry)}  ${showKey(sourceUri, entry.key)}`);
    }
    return EXIT.done;
  });
}

export async function findCommand(context: CommandContext): Promise<number> {
  const { console, invocation, shell } = context;
  return withSession(context, async ({ ports }) => {
    const { sourceId, uri } = await getSource(ports, placeFrom(positional(invocation, 0), shell.folder));
    const key = await heldKey(keysFromTyped(uri, positional(invocation, 1)), sourceId, ports);
    const versions = findVersions({ sourceId, key }, ports);
    let found = 0;
    const counted = mapAsync(versions, (version) => {
      if (version.entry !== undefined) found += 1;
      return version;
    });
    if (console.json) {
      const documents = mapAsync(counted, ({ recoveryPoint, entry }) => ({
        recoveryPointId: recoveryPoint.recoveryPointId,
        consistentAt: recoveryPoint.consistentAt,
        entry: entry === undefined ? null : entryDocument(uri, entry),
      }));
      await console.list({ key: showKey(uri, key) }, 'versions', documents);
    } else {
      for await (const { recoveryPoint, entry } of counted) {
        const hash = entry === undefined ? 'not there' : entry.sha256.slice(0, 16);
        const { recoveryPointId, consistentAt } = recoveryPoint;
        await console.line(`${recoveryPointId}  ${showTime(consistentAt)}  ${sizeColumn(entry)}  ${hash}`);
      }
    }
    if (found === 0) await console.note(`no recovery point holds "${showKey(uri, key)}"`);
    return found === 0 ? EXIT.failed : EXIT.done;
  });
}

/** The one of the keys that some snapshot holds; the first where none does. */
async function heldKey(
  [first, ...others]: readonly [EntryKey, ...EntryKey[]],
  sourceId: SourceId,
  ports: Session['ports'],
): Promise<EntryKey> {
  for (const key of others)
    for await (const { entry } of findVersions({ sourceId, key }, ports)) if (entry !== undefined) return key;
  return first;
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;

export async function diffCommand(context: CommandContext): Promise<number> {
  const { console, invocation } = context;
  return withSession(context, async ({ ports }) => {
    const older = await resolveRecoveryPoint(ports, positional(invocation, 0));
    const newer = await resolveRecoveryPoint(ports, positional(invocation, 1));
    const [before, after] = [older.recoveryPointId, newer.recoveryPointId];
    const show = (key: EntryKey) => showKey(newer.sourceUri, key);
    const changes = diffSnapshots({ before, after }, ports);
    if (console.json) {
      const documents = mapAsync(changes, (change) => ({
        key: show(change.key),
        change: change.change,
        ...(change.before === undefined ? {} : { before: entryDocument(older.sourceUri, change.before) }),
        ...(change.after === undefined ? {} : { after: entryDocument(newer.sourceUri, change.after) }),
      }));
      await console.list({ before, after }, 'changes', documents);
    } else {
      for await (const change of changes) await console.line(`${SIGNS[change.change]} ${show(change.key)}`);
    }
    return EXIT.done;
  });
}

export async function catCommand(context: CommandContext): Promise<number> {
  const { console, invocation } = context;
  return withSession(context, async ({ ports, progress }) => {
    const { recoveryPointId, sourceUri } = await resolveRecoveryPoint(ports, positional(invocation, 0));
    const keys = keysFromTyped(sourceUri, positional(invocation, 1));
    const { entry, content } = await readHeld(recoveryPointId, keys, ports);
    progress.clear();
    if (console.json) {
      await console.base64({ recoveryPointId, ...entryDocument(sourceUri, entry) }, 'contentBase64', content);
    } else {
      for await (const piece of content) await console.bytes(piece);
    }
    return EXIT.done;
  });
}

/** The first of the keys that the recovery point holds. @throws NotFoundError when it holds none */
async function readHeld(
  recoveryPointId: RecoveryPointId,
  [key, ...others]: readonly [EntryKey, ...EntryKey[]],
  ports: Session['ports'],
): ReturnType<typeof readEntry> {
  try {
    return await readEntry({ recoveryPointId, key }, ports);
  } catch (error) {
    const [next, ...rest] = others;
    if (next === undefined || !(error instanceof NotFoundError)) throw error;
    return readHeld(recoveryPointId, [next, ...rest], ports);
  }
}

async function* mapAsync<In, Out>(items: AsyncIterable<In>, change: (item: In) => Out): AsyncIterable<Out> {
  for await (const item of items) yield change(item);
}
