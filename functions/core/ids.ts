/**
 * Ids name things across vaults, catalogue, events and logs. All are tame ASCII: hex hashes, or a UTC time and a hash.
 * None carries user text.
 */
import { hash } from 'node:crypto';
import { InvalidInputError } from './errors.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** 32 hex digits: SHA-256 of plan, kind and scheduled time, so that two equal starts are one run. */
export type RunId = Branded<'RunId'>;
/** 16 hex digits: SHA-256 of the source's URI. */
export type SourceId = Branded<'SourceId'>;
/** `20261125T102209123Z-0123456789ab`: sorts by time; the hash is of the run id and the source id. */
export type SnapshotId = Branded<'SnapshotId'>;
/** `<snapshotId>@<vault name>`: one snapshot in one vault. */
export type RecoveryPointId = Branded<'RecoveryPointId'>;
/** 32 hex digits, random: the identity of one key set; every vault that holds copies of one another's blobs shares it. */
export type VaultId = Branded<'VaultId'>;

/** SHA-256 in lower-case hex. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return hash('sha256', bytes);
}

/** Hash of a tuple of strings; the length prefix keeps `('ab','c')` apart from `('a','bc')`. */
function hashOf(...parts: readonly string[]): string {
  return sha256Hex(parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join(''));
}

/** The id of the run of `plan` as `kind`, scheduled at an ISO-8601 UTC time. */
export function runIdOf(plan: string, kind: string, scheduledAt: string): RunId {
  return hashOf('run', plan, kind, scheduledAt).slice(0, 32) as RunId;
}

/** The id of a source, from its normalised URI. */
export function sourceIdOf(sourceUri: string): SourceId {
  return hashOf('source', sourceUri).slice(0, 16) as SourceId;
}

/** The id of the snapshot that run `runId`, started at `startedAt` (ISO-8601 UTC, milliseconds), takes of a source. */
export function snapshotIdOf(startedAt: string, runId: RunId, sourceId: SourceId): SnapshotId {
  const stamp = new Date(startedAt).toISOString().replace(/[-:.]/g, '');
  return `${stamp}-${hashOf('snapshot', runId, sourceId).slice(0, 12)}` as SnapshotId;
}

/** The instant in a snapshot id, ISO-8601 UTC. */
export function timeOfSnapshot(snapshotId: SnapshotId): string {
  const part = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z-/.exec(snapshotId);
  if (part === null) throw new InvalidInputError(`"${snapshotId}" is not a snapshot id`);
  return `${part[1]}-${part[2]}-${part[3]}T${part[4]}:${part[5]}:${part[6]}.${part[7]}Z`;
}

/** A recovery point's id: the snapshot and the vault that holds it. */
export function recoveryPointIdOf(snapshotId: SnapshotId, vault: string): RecoveryPointId {
  return `${snapshotId}@${vault}` as RecoveryPointId;
}

const HEX_64 = /^[0-9a-f]{64}$/;
const SNAPSHOT_ID = /^\d{8}T\d{9}Z-[0-9a-f]{12}$/;
const HEX_32 = /^[0-9a-f]{32}$/;
const HEX_16 = /^[0-9a-f]{16}$/;

/** Whether a string has the form of a pack, segment or chunk id. */
export const isHash = (text: string): boolean => HEX_64.test(text);
export const isSnapshotId = (text: string): text is SnapshotId => SNAPSHOT_ID.test(text);
export const isRunId = (text: string): text is RunId => HEX_32.test(text);
export const isSourceId = (text: string): text is SourceId => HEX_16.test(text);
