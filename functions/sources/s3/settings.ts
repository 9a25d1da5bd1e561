/**
 * A bucket's settings: what the bucket is besides its objects, each as S3's own API gives it. Not among them are configurations that
 * report on a bucket (inventories, analytics, metrics) and those of storage tiers within INTELLIGENT_TIERING.
 */
import {
  GetObjectLegalHoldCommand,
  GetObjectRetentionCommand,
  GetObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { translateAwsError } from '../../core/aws-errors.ts';
import type { Attributes, Json } from '../../core/entry.ts';
import { messageOf, TransientError } from '../../core/errors.ts';
import { formatUri, type S3Uri } from '../../core/uri.ts';
import { BUCKET_SETTINGS, type BucketSetting } from './bucket-settings.ts';
import { objectKeyOf } from './keys.ts';
import { findFirstKey } from './listing.ts';
import { isRefusal } from './refusals.ts';

/** Answers that mean: this may be set, but not seen. */
const UNREADABLE: ReadonlySet<string> = new Set([
  'AccessDenied',
  'NotImplemented',
  'MethodNotAllowed',
  'UnsupportedOperation',
  'UnsupportedArgument',
]);

/** The name under which the settings keep the bucket's own, so that a policy can be made to speak of another. */
const BUCKET = 'bucket';

/**
 * Every setting that is there. `notCaptured` has a line for each that may not be read, also for what S3 leaves out of an object's
 * headers without a word when its reader may not see it (tags, retention, legal hold).
 */
export async function readSettings(
  client: S3Client,
  uri: S3Uri,
): Promise<{ readonly settings: Attributes; readonly notCaptured: readonly string[] }> {
  const settings: { [name: string]: Json } = { [BUCKET]: uri.bucket };
  const notCaptured: string[] = [];
  for (const [name, setting] of BUCKET_SETTINGS) {
    const found = await readSetting(client, uri, name, setting);
    if ('unreadable' in found) {
      const consequence = name === 'ownershipControls' ? '; the ACLs of objects are not captured either' : '';
      notCaptured.push(`${name}: ${found.unreadable}${consequence}`);
    } else if (found.value !== undefined) settings[name] = found.value;
  }
  const withLock = 'objectLock' in settings || notCaptured.some((line) => line.startsWith('objectLock:'));
  return {
    settings,
    notCaptured: [...notCaptured, ...(await unseenOnObjects(client, uri, withLock ? 'lock' : 'none'))],
  };
}

async function readSetting(
  client: S3Client,
  uri: S3Uri,
  name: string,
  setting: BucketSetting,
): Promise<{ readonly value: Json | undefined } | { readonly unreadable: string }> {
  try {
    const { $metadata: _, ...answer } = await setting.get(client, uri.bucket);
    // Through JSON, so that dates are text and what is undefined is absent.
    const value: { [name: string]: Json } = JSON.parse(JSON.stringify(answer));
    const isThere = Object.values(value).some((part) => !Array.isArray(part) || part.length > 0);
    return { value: isThere ? value : undefined };
  } catch (error) {
    const code = error instanceof Error ? error.name : '';
    if (code === setting.absent) return { value: undefined };
    if (UNREADABLE.has(code)) return { unreadable: `${code} (${messageOf(error)})` };
    throw translateAwsError(error, `${formatUri(uri)}: reading the bucket's ${name}`);
  }
}

/** Tries on one object what S3 would leave out of every object's headers in silence. */
async function unseenOnObjects(client: S3Client, uri: S3Uri, lock: 'lock' | 'none'): Promise<readonly string[]> {
  const object = await findFirst(client, uri);
  if (object === undefined) return [];
  const probes: readonly (readonly [name: string, probe: () => Promise<unknown>])[] = [
    ['tags of objects', () => client.send(new GetObjectTaggingCommand(object))],
    ...(lock === 'none'
      ? []
      : ([
          ['retention of objects', () => client.send(new GetObjectRetentionCommand(object))],
          ['legal holds of objects', () => client.send(new GetObjectLegalHoldCommand(object))],
        ] as const)),
  ];
  const lines: string[] = [];
  for (const [name, probe] of probes) {
    try {
      await probe();
    } catch (error) {
      if (error instanceof Error && error.name === 'AccessDenied')
        lines.push(`${name}: AccessDenied (${error.message})`);
      // Any other answer tells what is asked here: this reader may see it.
      else if (translateAwsError(error, '') instanceof TransientError)
        throw translateAwsError(error, `${formatUri(uri)}: reading the ${name}`);
    }
  }
  return lines;
}

async function findFirst(client: S3Client, uri: S3Uri) {
  const key = await findFirstKey(client, uri);
  return key === undefined ? undefined : { Bucket: uri.bucket, Key: objectKeyOf(uri, key) };
}

/** Sets what `readSettings` captured; a line for each that could not be set. What the bucket has besides is left as it is. */
export async function applySettings(client: S3Client, uri: S3Uri, settings: Attributes): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of Object.keys(settings))
    if (name !== BUCKET && !BUCKET_SETTINGS.has(name)) lines.push(`${name}: a bucket has no such setting`);
  const from = typeof settings[BUCKET] === 'string' ? settings[BUCKET] : uri.bucket;
  for (const [name, setting] of BUCKET_SETTINGS) {
    const value = settings[name];
    if (value === undefined) continue;
    try {
      await setting.put(client, uri.bucket, value, from);
      if (setting.beyondReach?.(value) !== undefined) lines.push(`${name}: ${setting.beyondReach(value)}`);
    } catch (error) {
      if (!isRefusal(error)) throw translateAwsError(error, `${formatUri(uri)}: setting the bucket's ${name}`);
      lines.push(`${name}: ${messageOf(error)}`);
    }
  }
  return lines;
}
