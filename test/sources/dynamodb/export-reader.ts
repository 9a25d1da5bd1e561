/** The fake exports' table read through the source under test. */
import { keyFromText } from '../../../functions/core/entry.ts';
import type { ReadOptions, ScannedEntry, ScannedPage, SourceScanner } from '../../../functions/core/ports.ts';
import { exportScan } from '../../../functions/sources/dynamodb/export.ts';
import { BUCKET, type FakeExports, itemOf, TABLE } from '../../fixtures/dynamodb-export.ts';

export type Since = NonNullable<Parameters<SourceScanner['beginScan']>[1]>;

export const T0 = Date.parse('2026-03-10T12:00:00Z') / 1000;
export const HOUR = 3600;
export const DAY = 24 * HOUR;
export const at = (seconds: number): Date => new Date(seconds * 1000);

const SETTINGS = { tableId: 'table-1', engine: 'export', keySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }] };
export const since = (seconds: number): Since => ({ consistentAt: at(seconds).toISOString(), settings: SETTINGS });

export function readerOf(
  { clients }: Pick<FakeExports, 'clients'>,
  options: ReadOptions = { exportTo: `s3://${BUCKET}/tables/` },
) {
  const source = exportScan(clients, { scheme: 'dynamodb', table: TABLE }, options);
  /** All pages, coming back where the source asks to wait. */
  const readAll = async (cursor: string): Promise<ScannedPage[]> => {
    const pages: ScannedPage[] = [];
    for (let next: string | undefined = cursor; next !== undefined; ) {
      if (pages.length > 1000) throw new Error('the scan does not end');
      const more = await collect(source.scan(next));
      pages.push(...more);
      next = more.at(-1)?.cursor;
    }
    return pages;
  };
  const readFrom = async (now: number, base?: Since) => {
    const start = await source.beginScan(at(now), base);
    return { start, entries: entriesOf(await readAll(start.cursor)) };
  };
  return { ...source, readAll, readFrom };
}

export async function collect(pages: AsyncIterable<ScannedPage>): Promise<ScannedPage[]> {
  const all: ScannedPage[] = [];
  for await (const page of pages) all.push(page);
  return all;
}

export const entriesOf = (pages: readonly ScannedPage[]): readonly ScannedEntry[] =>
  pages.flatMap((page) => page.entries);

export const keyOf = (pk: string) => keyFromText(JSON.stringify({ pk: { S: pk } }));

/** By key, the later of those of one key. */
export const valuesOf = (entries: readonly ScannedEntry[]) =>
  Object.fromEntries(entries.map(({ key, content }) => [key, content?.toString()]));

/** What `valuesOf` gives for these values of keys. */
export const wanted = (state: Readonly<Record<string, string | undefined>>) =>
  Object.fromEntries(
    Object.entries(state).map(([pk, value]) => [
      keyOf(pk),
      value === undefined ? undefined : JSON.stringify(itemOf(pk, value)),
    ]),
  );
