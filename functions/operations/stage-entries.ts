/**
 * Sorts what a source gives in an order of its own: entries are gathered, sorted and put into the work place as sealed runs, which are
 * merged when they are read. Memory is one run, whatever the size of the source.
 */
import * as z from 'zod';
import { parseJson } from '../core/json.ts';
import type { Deadline, ScannedEntry, SourceScanner, WorkPlace } from '../core/ports.ts';
import { buildRun, type StagedRun, stagedRunSchema } from '../core/staged-run.ts';
import type { VaultKeys } from '../core/vault-keys.ts';
import { isOutOfTime } from './out-of-time.ts';

/** Plain bytes of a run, and entries, of which each costs some 200 bytes beside its content. */
const RUN_BYTES = 64 << 20;
const RUN_ENTRIES = 250_000;

const stagingSchema = z.object({
  /** Where the source's scan goes on; absent when it has ended. */
  cursor: z.string().optional(),
  /** In the order in which they were read: of one key the later run has the newer state. */
  runs: z.array(stagedRunSchema),
});
/** How far a source is staged. */
export type Staging = z.output<typeof stagingSchema>;

/** Where a source is staged, and with what. */
export interface StagingPlace {
  readonly work: WorkPlace;
  /** In the work place; nothing else is put below it. */
  readonly folder: string;
  /** Runs are sealed with the metadata key, which every worker that backs up or restores has. */
  readonly keys: VaultKeys;
  readonly randomBytes: (count: number) => Buffer;
}

const stagingName = (folder: string, part: number): string => `${folder}/${part}.json`;

export const putStaging = ({ work, folder }: StagingPlace, part: number, staging: Staging): Promise<void> =>
  work.put(stagingName(folder, part), Buffer.from(JSON.stringify(staging)));

/** @throws NotFoundError, IntegrityError */
export async function getStaging({ work, folder }: StagingPlace, part: number): Promise<Staging> {
  const name = stagingName(folder, part);
  return parseJson(await work.get(name), stagingSchema, name);
}

/** Removes all that was staged in the folder. */
export async function removeStaged({ work, folder }: Pick<StagingPlace, 'work' | 'folder'>): Promise<void> {
  for await (const { name } of work.list(`${folder}/`)) await work.delete(name);
}

/**
 * Reads on from where `staging` stands until the scan ends, the source asks to wait, or time is short. Of two workers that go on from one staging
 * neither disturbs the other: the names of runs are random.
 *
 * @param onEntries told the number of entries and bytes of each page.
 */
export async function stageEntries(
  scanner: SourceScanner,
  staging: Staging,
  place: StagingPlace,
  options: { readonly deadline: Deadline; readonly onEntries: (entries: number, bytes: number) => void },
): Promise<{ readonly staging: Staging; readonly waitSeconds?: number | undefined }> {
  const runs = [...staging.runs];
  const gathered = gatherRuns(place, runs);
  let { cursor } = staging;
  let waitSeconds: number | undefined;
  if (cursor !== undefined)
    for await (const page of scanner.scan(cursor)) {
      let bytes = 0;
      for (const entry of page.entries) {
        bytes += entry.content?.length ?? 0;
        if (gathered.add(entry)) await gathered.flush();
      }
      options.onEntries(page.entries.length, bytes);
      ({ cursor, waitSeconds } = page);
      if (cursor === undefined || waitSeconds !== undefined || isOutOfTime(options.deadline)) break;
    }
  await gathered.flush();
  return { staging: { ...(cursor === undefined ? {} : { cursor }), runs }, waitSeconds };
}

/** Gathers entries, and puts them into the place as a run when they are many. */
function gatherRuns({ work, folder, keys, randomBytes }: StagingPlace, runs: StagedRun[]) {
  let entries: ScannedEntry[] = [];
  let bytes = 0;
  return {
    /** Whether it is time to flush. */
    add(entry: ScannedEntry): boolean {
      entries.push(entry);
      bytes += entry.key.length + (entry.content?.length ?? 0);
      return bytes >= RUN_BYTES || entries.length >= RUN_ENTRIES;
    },
    async flush(): Promise<void> {
      const sorted = newestOfEach(entries);
      [entries, bytes] = [[], 0];
      if (sorted.length === 0) return;
      const { bytes: blob, index } = buildRun(keys, sorted, randomBytes(32));
      const name = `${folder}/run-${String(runs.length).padStart(6, '0')}-${randomBytes(8).toString('hex')}`;
      await work.put(name, blob);
      runs.push({ name, ...index });
    },
  };
}

/** In byte order of keys; of entries with one key the last that was read. */
function newestOfEach(entries: readonly ScannedEntry[]): ScannedEntry[] {
  const sorted = [...entries].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return sorted.filter(({ key }, at) => sorted[at + 1]?.key !== key);
}
