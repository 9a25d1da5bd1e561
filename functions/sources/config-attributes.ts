/** What parameters and secrets share: names below a literal prefix, attributes that are compared whole, and tags. */
import * as z from 'zod';
import { canonicalJson } from '../core/canonical-json.ts';
import {
  type Attributes,
  type EntryKey,
  findKeyText,
  inRange,
  type Json,
  type KeyRange,
  keyFromText,
  type ListedEntry,
} from '../core/entry.ts';
import { sha256Hex } from '../core/ids.ts';

/** The names below a prefix as entries, once, in byte order. A listing tells nothing of tags and labels, so that there is no fingerprint. */
export async function listNames(
  names: AsyncIterable<string>,
  prefix: string,
  range: KeyRange,
): Promise<readonly ListedEntry[]> {
  const keys = new Set<EntryKey>();
  for await (const name of names) {
    if (!name.startsWith(prefix)) continue;
    const key = keyFromText(name.slice(prefix.length));
    if (inRange(key, range)) keys.add(key);
  }
  return [...keys].sort().map((key) => ({ key, fingerprint: undefined, sizeBytes: undefined }));
}

/** The full name of an entry; undefined where the service can have no such name. */
export function findName(prefix: string, key: EntryKey, pattern: RegExp): string | undefined {
  const text = findKeyText(key);
  return text !== undefined && pattern.test(prefix + text) ? prefix + text : undefined;
}

/** Without what is undefined. */
export function present(attributes: { readonly [name: string]: Json | undefined }): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).filter((entry): entry is [string, Json] => entry[1] !== undefined),
  );
}

export function hashAttributes(attributes: Attributes): string {
  return sha256Hex(Buffer.from(canonicalJson(attributes)));
}

/** A policy's JSON, so that spaces make no difference; its text where it is none. */
export function jsonOf(text: string): Json {
  try {
    return z.json().parse(JSON.parse(text));
  } catch {
    return text;
  }
}

/** The first attribute that differs, by its name and never by its value; undefined when none does. Tags of AWS's own are left aside. */
export function attributesDiffer(stored: Attributes, found: Attributes): string | undefined {
  for (const name of [...new Set([...Object.keys(stored), ...Object.keys(found)])].sort()) {
    const [before, now] = [stored, found].map((attributes) => comparable(name, attributes[name]));
    if (before === now) continue;
    return before === undefined
      ? `${name} was added`
      : now === undefined
        ? `${name} is missing`
        : `${name} is not as it was`;
  }
  return undefined;
}

function comparable(name: string, value: Json | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (name !== 'tags' || !Array.isArray(value)) return canonicalJson(value);
  const own = value.filter((tag) => !(Array.isArray(tag) && isReserved(String(tag[0]))));
  return own.length === 0 ? undefined : canonicalJson(own);
}

/** Tags as they stand in attributes: `[key, value]`, in key order. */
export type Tags = readonly (readonly [key: string, value: string])[];
export const tagsSchema = z.array(z.tuple([z.string(), z.string()])).readonly();

interface AwsTag {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

/** Undefined when there are none. */
export function tagsOf(tags: readonly AwsTag[] | undefined): Tags | undefined {
  if (tags === undefined || tags.length === 0) return undefined;
  return tags.map(({ Key = '', Value = '' }) => [Key, Value] as const).sort(([a], [b]) => (a < b ? -1 : 1));
}

export interface TagChanges {
  readonly add: readonly { readonly Key: string; readonly Value: string }[];
  readonly removeKeys: readonly string[];
  /** Whether a tag of AWS's own is asked for that is not there: only AWS sets it. */
  readonly notHeld: boolean;
}

export function planTags(wanted: Tags = [], found: Tags = []): TagChanges {
  const [want, have] = [new Map(wanted), new Map(found)];
  const missing = wanted.filter(([key, value]) => have.get(key) !== value);
  return {
    add: missing.filter(([key]) => !isReserved(key)).map(([Key, Value]) => ({ Key, Value })),
    removeKeys: found.map(([key]) => key).filter((key) => !want.has(key) && !isReserved(key)),
    notHeld: missing.some(([key]) => isReserved(key)),
  };
}

// Tagging AWS resources user guide: the prefix `aws:` is for AWS's own use, in any case.
const isReserved = (key: string): boolean => key.toLowerCase().startsWith('aws:');

/** Attributes that were stored but are unknown to this version: named, not dropped in silence. */
export function unknownAttributes(attributes: Attributes, known: { readonly [name: string]: unknown }): string[] {
  return Object.keys(attributes).filter((name) => !(name in known));
}
