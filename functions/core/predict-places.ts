/**
 * A model of what a run asks of the places of one source: the source, its vaults, the sandbox. Straight lines through what the meter counted in
 * emulated runs of known sizes; left out is what cannot be known before (retries, a base that turns out to be damaged).
 */
import type { SourceShape, SourceWorkload } from './source-workload.ts';
import { sumUsage, type Usage } from './usage.ts';

/** S3 lists 1,000 keys a request. */
const KEYS_PER_LIST = 1000;
const PACK_BYTES = 32 << 20;
/** Packs of a chain that a run looks at, at most. */
const LOOKED_PACKS = 16;
/** What a verification reads at once, about. */
const SPAN_BYTES = 8 << 20;
/** Units of DynamoDB: 4 KB read consistently, 1 KB written. */
const READ_UNIT_BYTES = 4096;
const WRITE_UNIT_BYTES = 1024;
const ENTRIES_PER_SHARD = 100_000;

export const shardsOf = ({ entries }: Pick<SourceWorkload, 'entries'>): number =>
  Math.max(1, Math.ceil(entries / ENTRIES_PER_SHARD));

/** Blobs that a snapshot adds to a vault besides its manifest: packs and segments. */
export const blobsOf = ({ storedBytes }: Pick<SourceWorkload, 'storedBytes'>): number =>
  storedBytes === 0 ? 0 : Math.ceil(storedBytes / PACK_BYTES) + 1;

/** Entries that a verification restores or reads. */
export const sampledEntries = ({ entries }: SourceWorkload, { verify }: SourceShape): number =>
  verify === undefined || verify.level === 'check' ? 0 : Math.ceil(entries * verify.sample);

/** Bytes of the vault that a verification reads. */
export function verifiedBytes(work: SourceWorkload, { verify }: SourceShape): number {
  if (verify === undefined) return 0;
  return verify.level === 'check' ? work.chainBytes + work.storedBytes : work.contentBytes * verify.sample;
}

export function predictPlaces(work: SourceWorkload, shape: SourceShape): Usage {
  return sumUsage([
    ofSource(work, shape),
    shape.vault === 's3' ? ofVault(work) : {},
    ...shape.replicas.map(({ scheme }) => (scheme === 's3' ? ofReplica(work) : {})),
    shape.vault === 's3' && shape.verify !== undefined ? ofProof(work, shape) : {},
    ofSandbox(work, shape),
    leaving(work, shape),
  ]);
}

function ofSource(work: SourceWorkload, { scheme, engine, consistentReads }: SourceShape): Usage {
  switch (scheme) {
    case 'file':
      return {};
    case 's3':
      // Settings of the bucket; then content and tags of each object.
      return {
        s3Writes: Math.max(1, Math.ceil(work.entries / KEYS_PER_LIST)) + shardsOf(work),
        s3Reads: 16 + 2 * work.readEntries,
      };
    case 'dynamodb':
      if (engine === 'export') return { exportedBytes: work.readBytes, s3Reads: 10, s3Writes: 4, otherRequests: 20 };
      return {
        tableReadUnits: (work.contentBytes / READ_UNIT_BYTES) * (consistentReads ? 1 : 0.5),
        otherRequests: 12,
      };
    // What a list does not tell of these is asked for each of them.
    case 'ssm':
      return { parameterRequests: 3 * work.entries, keyRequests: work.entries };
    case 'secretsmanager':
      return { secretRequests: 3 * work.entries };
    case 'lambda':
      return { otherRequests: 12 * work.entries };
  }
}

const ofVault = (work: SourceWorkload): Usage => ({
  s3Writes: 1 + blobsOf(work),
  s3Reads: 2 + 3 * work.chain + Math.min(LOOKED_PACKS, Math.floor(work.chainBytes / PACK_BYTES)),
});

const ofReplica = (work: SourceWorkload): Usage => ({
  s3Writes: 2 + 2 * blobsOf(work),
  s3Reads: 7 + 2 * blobsOf(work),
});

function ofProof(work: SourceWorkload, shape: SourceShape): Usage {
  const bytes = verifiedBytes(work, shape);
  const span = shape.verify?.level === 'check' ? PACK_BYTES : SPAN_BYTES;
  return { s3Reads: 3 + 2 * (work.chain + 1) + Math.ceil(bytes / span) };
}

/** What is restored for a verification, read back and removed. */
function ofSandbox(work: SourceWorkload, shape: SourceShape): Usage {
  if (shape.verify?.level !== 'restore') return {};
  const entries = sampledEntries(work, shape);
  const entryBytes = work.entries === 0 ? 0 : work.contentBytes / work.entries;
  switch (shape.scheme) {
    case 'file':
    case 'lambda':
      return {};
    case 's3':
      return { s3Writes: entries + 2, s3Reads: 2 * entries, s3Deletes: entries };
    case 'dynamodb':
      return {
        tableWriteUnits: entries * Math.max(1, Math.ceil(entryBytes / WRITE_UNIT_BYTES)),
        tableReadUnits: (entries * entryBytes) / READ_UNIT_BYTES,
        otherRequests: 10,
      };
    case 'ssm':
      return { parameterRequests: 6 * entries, keyRequests: 2 * entries };
    case 'secretsmanager':
      return { secretRequests: 7 * entries };
  }
}

/** What a process outside of AWS gets from S3. */
function leaving(work: SourceWorkload, shape: SourceShape): Usage {
  const fromSource = shape.scheme === 's3' ? work.readBytes : 0;
  const fromVault = shape.vault === 's3' ? verifiedBytes(work, shape) + shape.replicas.length * work.storedBytes : 0;
  const readBack = shape.scheme === 's3' && shape.verify?.level === 'restore' ? verifiedBytes(work, shape) : 0;
  const leavingBytes = fromSource + fromVault + readBack;
  return leavingBytes === 0 ? {} : { leavingBytes };
}
