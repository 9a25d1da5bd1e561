/** A table in memory, for the tests of operations: a source and target that lists in an order of its own, and is made by a restore. */
import { createHash } from 'node:crypto';
import { type Attributes, type EntryKey, keyFromText } from '../../functions/core/entry.ts';
import { NotFoundError } from '../../functions/core/errors.ts';
import { sha256Hex } from '../../functions/core/ids.ts';
import type { ScannedEntry, ScanStart, SourceScanner, SourceWriter } from '../../functions/core/ports.ts';

export interface MemoryTable extends SourceScanner, SourceWriter {
  readonly items: Map<EntryKey, Buffer>;
  /** False makes the table absent. */
  there: boolean;
  captured: Attributes;
  /** How many pages of the next scan are "not ready". */
  waits: number;
  /** What the next `beginScan` tells, besides the whole table. */
  changes: { readonly entries: readonly ScannedEntry[] } | undefined;
  gap: string | undefined;
  /** With what `create` was called. */
  created: { readonly settings: Attributes; readonly bare: boolean } | undefined;
  applied: Attributes | undefined;
  scans: number;
  put(key: string, content: string): void;
}

/** Entries on a page. */
const PAGE = 7;

export function memoryTable(uri: string): MemoryTable {
  const demandThere = () => {
    if (!self.there) throw new NotFoundError(`${uri} does not exist`);
  };
  /** As a table's own order is that of a hash. */
  const inOwnOrder = (): ScannedEntry[] => {
    const hash = (key: string) => createHash('md5').update(key, 'latin1').digest('hex');
    return [...self.items].sort(([a], [b]) => (hash(a) < hash(b) ? -1 : 1)).map(([key, content]) => ({ key, content }));
  };
  const self: MemoryTable = {
    uri,
    items: new Map(),
    there: true,
    captured: { keySchema: 'pk' },
    waits: 0,
    changes: undefined,
    gap: undefined,
    created: undefined,
    applied: undefined,
    scans: 0,
    put: (key, content) => void self.items.set(keyFromText(key), Buffer.from(content)),
    async settings() {
      demandThere();
      return { settings: self.captured, notCaptured: [] };
    },
    attributesDiffer: () => undefined,
    async open({ key }) {
      const content = self.items.get(key);
      if (content === undefined) return { state: 'gone' };
      const fingerprint = sha256Hex(content);
      return {
        state: 'open',
        fingerprint,
        sizeBytes: content.length,
        attributes: { type: 'item' },
        content: once(content),
      };
    },
    async beginScan(now, since): Promise<ScanStart> {
      demandThere();
      const consistentAt = now.toISOString();
      if (since !== undefined && self.gap !== undefined)
        return { cursor: 'all.0', consistentAt, changesOnly: false, fullBecause: self.gap };
      const changesOnly = since !== undefined && self.changes !== undefined;
      return { cursor: changesOnly ? 'changes.0' : 'all.0', consistentAt, changesOnly };
    },
    async *scan(cursor) {
      self.scans += 1;
      const [what, from] = cursor.split('.');
      const all = what === 'changes' ? [...(self.changes?.entries ?? [])] : inOwnOrder();
      if (self.waits > 0) {
        self.waits -= 1;
        yield { entries: [], cursor, waitSeconds: 30 };
        return;
      }
      for (let at = Number(from); ; at += PAGE) {
        const entries = all.slice(at, at + PAGE);
        const more = at + PAGE < all.length;
        yield { entries, cursor: more ? `${what}.${at + PAGE}` : undefined };
        if (!more) return;
      }
    },
    creation: {
      isThere: async () => self.there,
      create: async (settings, { bare }) => {
        self.created = { settings, bare };
        self.there = true;
      },
    },
    async write(entry, content) {
      demandThere();
      const parts: Uint8Array[] = [];
      for await (const part of content) parts.push(part);
      self.items.set(entry.key, Buffer.concat(parts));
      return [];
    },
    async remove(key) {
      self.items.delete(key);
    },
    finish: async () => undefined,
    async applySettings(settings) {
      self.applied = settings;
      return [];
    },
  };
  return self;
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}
