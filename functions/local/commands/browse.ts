/** `holdfast ls`, `find`, `diff` and `cat`: looking into recovery points. */
import { displayKey, type PresentEntry } from '../../core/entry.ts';
import { diffSnapshots } from '../../operations/diff-snapshots.ts';
import { findVersions } from '../../operations/find-versions.ts';
import { listEntries } from '../../operations/list-entries.ts';
import { readEntry } from '../../operations/read-entry.ts';
import { positional } from '../arguments.ts';
import { EXIT } from '../failure.ts';
import { showTime } from '../figures.ts';
import { keyFromTyped } from '../key-text.ts';
import { placeFrom } from '../places.ts';
import { getSource, resolveRecoveryPoint } from '../recovery-points.ts';
import { type CommandContext, withSession } from '../session.ts';

/** An entry as `--json` shows it; the key as it can be typed in again. */
function entryDocument(entry: PresentEntry): object {
  const { sizeBytes, sha256, attributes } = entry;
  return { key: displayKey(entry.key), sizeBytes, sha256, attributes };
}

/** Right-aligned to 15 columns: up to 999,999,999,999 bytes. */
function sizeColumn(entry: PresentEntry | undefined): string {
  return (entry === undefined ? '-' : entry.sizeBytes.toLocaleString('en-US')).padStart(15);
}

export async function lsCommand(context: CommandContext): Promise<number> {
  const { console, invocation } = context;
  return withSession(context, async ({ ports }) => {
    const { recoveryPointId } = await resolveRecoveryPoint(ports, positional(invocation, 0));
    const [, prefix] = invocation.positionals;
    const entries = listEntries(
      { recoveryPointId, ...(prefix === undefined ? {} : { prefix: keyFromTyped(prefix) }) },
      ports,
    );
    if (console.json) {
      await console.list({ recoveryPointId }, 'entries', mapAsync(entries, entryDocument));
    } else {
      for await (const entry of entries) await console.line(`${sizeColumn(entry)}  ${displayKey(entry.key)}`);
    }
    return EXIT.done;
  });
}

export async function findCommand(context: CommandContext): Promise<number> {
  const { console, invocation, shell } = context;
  return withSession(context, async ({ ports }) => {
    const { sourceId } = await getSource(ports, placeFrom(positional(invocation, 0), shell.folder));
    const key = keyFromTyped(positional(invocation, 1));
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
        entry: entry === undefined ? null : entryDocument(entry),
      }));
      await console.list({ key: displayKey(key) }, 'versions', documents);
    } else {
      for await (const { recoveryPoint, entry } of counted) {
        const hash = entry === undefined ? 'not there' : entry.sha256.slice(0, 16);
        const { recoveryPointId, consistentAt } = recoveryPoint;
        await console.line(`${recoveryPointId}  ${showTime(consistentAt)}  ${sizeColumn(entry)}  ${hash}`);
      }
    }
    if (found === 0) await console.note(`no recovery point holds "${displayKey(key)}"`);
    return found === 0 ? EXIT.failed : EXIT.done;
  });
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const;

export async function diffCommand(context: CommandContext): Promise<number> {
  const { console, invocation } = context;
  return withSession(context, async ({ ports }) => {
    const before = (await resolveRecoveryPoint(ports, positional(invocation, 0))).recoveryPointId;
    const after = (await resolveRecoveryPoint(ports, positional(invocation, 1))).recoveryPointId;
    const changes = diffSnapshots({ before, after }, ports);
    if (console.json) {
      const documents = mapAsync(changes, (change) => ({
        key: displayKey(change.key),
        change: change.change,
        ...(change.before === undefined ? {} : { before: entryDocument(change.before) }),
        ...(change.after === undefined ? {} : { after: entryDocument(change.after) }),
      }));
      await console.list({ before, after }, 'changes', documents);
    } else {
      for await (const change of changes) await console.line(`${SIGNS[change.change]} ${displayKey(change.key)}`);
    }
    return EXIT.done;
  });
}

export async function catCommand(context: CommandContext): Promise<number> {
  const { console, invocation } = context;
  return withSession(context, async ({ ports, progress }) => {
    const { recoveryPointId } = await resolveRecoveryPoint(ports, positional(invocation, 0));
    const key = keyFromTyped(positional(invocation, 1));
    const { entry, content } = await readEntry({ recoveryPointId, key }, ports);
    progress.clear();
    if (console.json) {
      await console.base64({ recoveryPointId, ...entryDocument(entry) }, 'contentBase64', content);
    } else {
      for await (const piece of content) await console.bytes(piece);
    }
    return EXIT.done;
  });
}

async function* mapAsync<In, Out>(items: AsyncIterable<In>, change: (item: In) => Out): AsyncIterable<Out> {
  for await (const item of items) yield change(item);
}
