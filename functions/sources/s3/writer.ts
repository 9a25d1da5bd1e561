/** Writes entries back into `s3://bucket/prefix`. */
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectAclCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { translateAwsError } from '../../core/aws-errors.ts';
import { type EntryKey, keyFromBytes, keyToBytes, type PresentEntry, quoteKey } from '../../core/entry.ts';
import { InvalidInputError, messageOf } from '../../core/errors.ts';
import type { SourceWriter } from '../../core/ports.ts';
import { formatUri, type S3Uri } from '../../core/uri.ts';
import { EXPIRES_STEP, expiresText } from './expires.ts';
import { displayObject, objectKeyOf } from './keys.ts';
import { type ObjectHeaders, type ObjectPlan, planObject } from './object-headers.ts';
import { type PartTurn, partMemory } from './part-memory.ts';
import { attributesToLeaveOut, cannotHold, isRefusal } from './refusals.ts';
import { applySettings } from './settings.ts';
import { abandon, cut, IN_FLIGHT_BYTES, MULTIPART_BYTES, uploadParts } from './upload.ts';

/** Small objects take a request each, whose time is mostly waiting; fewer than the sockets that a client has. */
const WRITERS = 48;

/** One object to be made. */
interface Job {
  readonly client: S3Client;
  readonly destination: { readonly Bucket: string; readonly Key: string };
  readonly plan: ObjectPlan;
  readonly sizeBytes: number;
  readonly content: AsyncIterable<Uint8Array>;
  readonly memory: PartTurn;
  /** The object's name for messages. */
  readonly name: string;
}

/** What became of it: the version where the bucket has versions, and the attributes that were left out. */
interface Made {
  readonly versionId: string | undefined;
  readonly leftOut: readonly string[];
}

/**
 * Objects appear whole or not at all. An attribute that S3 refuses is left out and returned by name. A directory of a disk becomes
 * an empty object whose key ends in `/`.
 */
export function s3Writer(client: S3Client, uri: S3Uri): SourceWriter {
  const memory = partMemory(IN_FLIGHT_BYTES);
  return {
    uri: formatUri(uri),
    writers: WRITERS,
    write: async (entry, content) => {
      const key = keyOnS3(entry);
      const destination = { Bucket: uri.bucket, Key: objectKeyOf(uri, key) };
      const [plan, name] = [planObject(entry.attributes), displayObject(uri, key)];
      const turn = memory.begin();
      const job = { client, destination, plan, sizeBytes: entry.sizeBytes, content, memory: turn, name };
      try {
        const made = await (entry.sizeBytes < MULTIPART_BYTES ? putWhole(job) : putInParts(job));
        return [...plan.notHeld, ...made.leftOut, ...(await addTags(job, made)), ...(await addGrants(job, made))];
      } catch (error) {
        if (cannotHold(error))
          throw new InvalidInputError(`${name}: S3 cannot hold it (${messageOf(error)})`, { cause: error });
        throw translateAwsError(error, `${name}: writing`);
      } finally {
        turn.end();
      }
    },
    remove: async (key) => {
      try {
        await client.send(new DeleteObjectCommand({ Bucket: uri.bucket, Key: objectKeyOf(uri, key) }));
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchKey') return;
        throw translateAwsError(error, `${displayObject(uri, key)}: removing`);
      }
    },
    finish: async () => undefined,
    applySettings: (settings) => applySettings(client, uri, settings),
  };
}

/** @throws InvalidInputError for a link. */
function keyOnS3({ key, attributes }: PresentEntry): EntryKey {
  if (attributes.type === 'symlink')
    throw new InvalidInputError(`${quoteKey(key)}: S3 holds no symbolic links; restore it to a directory`);
  // The root of a directory is the prefix itself.
  if (attributes.type !== 'directory' || key === '' || key.endsWith('/')) return key;
  return keyFromBytes(Buffer.concat([keyToBytes(key), Buffer.from('/')]));
}

async function putWhole({ client, destination, plan, sizeBytes, content, memory, name }: Job): Promise<Made> {
  for await (const Body of cut(content, { sizeBytes, pieceBytes: sizeBytes, name }, memory)) {
    const { answer, leftOut } = await leavingOut(plan, (headers) => {
      const command = new PutObjectCommand({ ...destination, ...headers, Body });
      command.middlewareStack.add(expiresText(plan.expires), EXPIRES_STEP);
      return client.send(command);
    });
    return { versionId: answer.VersionId, leftOut };
  }
  throw new TypeError('content that is cut has a first piece');
}

async function putInParts({ client, destination, plan, sizeBytes, content, memory, name }: Job): Promise<Made> {
  const { answer, leftOut } = await leavingOut(plan, (headers) => {
    const command = new CreateMultipartUploadCommand({ ...destination, ...headers });
    command.middlewareStack.add(expiresText(plan.expires), EXPIRES_STEP);
    return client.send(command);
  });
  if (answer.UploadId === undefined) throw new TypeError('S3 began an upload without an id');
  const upload = { ...destination, UploadId: answer.UploadId };
  try {
    const Parts = await uploadParts(client, upload, content, { sizeBytes, name }, memory);
    const { VersionId } = await client.send(
      new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }),
    );
    return { versionId: VersionId, leftOut };
  } catch (error) {
    await abandon(client, upload);
    throw error;
  }
}

/** Sends with all of the plan's headers, and again without those that S3 refuses. */
async function leavingOut<T>(
  plan: ObjectPlan,
  send: (headers: ObjectHeaders) => Promise<T>,
): Promise<{ readonly answer: T; readonly leftOut: readonly string[] }> {
  const asked = new Map(plan.headers);
  const leftOut: string[] = [];
  for (;;) {
    try {
      const headers: ObjectHeaders = Object.assign({}, ...asked.values());
      return { answer: await send(headers), leftOut };
    } catch (error) {
      const names = attributesToLeaveOut(error, asked.keys());
      if (names.length === 0) throw error;
      leftOut.push(...names);
      for (const name of names) asked.delete(name);
    }
  }
}

async function addTags({ client, destination, plan }: Job, { versionId }: Made): Promise<readonly string[]> {
  const { tagsAfter } = plan;
  if (tagsAfter === undefined) return [];
  const object = { ...destination, ...(versionId === undefined ? {} : { VersionId: versionId }) };
  return heldUnlessRefused('tags', () =>
    client.send(new PutObjectTaggingCommand({ ...object, Tagging: { TagSet: [...tagsAfter] } })),
  );
}

async function addGrants({ client, destination, plan }: Job, { versionId }: Made): Promise<readonly string[]> {
  const { grantsAfter } = plan;
  if (grantsAfter === undefined) return [];
  const object = { ...destination, ...(versionId === undefined ? {} : { VersionId: versionId }) };
  return heldUnlessRefused('grants', async () => {
    const { Owner } = await client.send(new GetObjectAclCommand(object));
    const AccessControlPolicy = { Owner, Grants: [...grantsAfter(Owner?.ID ?? '')] };
    await client.send(new PutObjectAclCommand({ ...object, AccessControlPolicy }));
  });
}

async function heldUnlessRefused(attribute: string, set: () => Promise<unknown>): Promise<readonly string[]> {
  try {
    await set();
    return [];
  } catch (error) {
    if (isRefusal(error)) return [attribute];
    throw error;
  }
}
