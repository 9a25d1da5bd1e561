/** Content on its way into S3: whole when small, in parts when not. Nothing is there until its end proved it. */
import { AbortMultipartUploadCommand, type CompletedPart, type S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { IntegrityError } from '../../core/errors.ts';
import type { PartTurn } from './part-memory.ts';

const MiB = 1024 * 1024;

/** Content of this size and more goes in parts. */
export const MULTIPART_BYTES = 8 * MiB;
// S3 user guide, "Amazon S3 multipart upload limits".
const MAX_PARTS = 10_000;
/** Of one object. */
const MAX_PARTS_IN_FLIGHT = 8;
/** What all content on its way may take of memory in a target; a part that is larger than this goes alone. */
export const IN_FLIGHT_BYTES = 64 * MiB;

/** Whole MiB, at least 8, so that 10,000 parts hold the content. */
export function partBytesFor(sizeBytes: number): number {
  return Math.max(MULTIPART_BYTES, Math.ceil(sizeBytes / MAX_PARTS / MiB) * MiB);
}

/**
 * The content in pieces of `pieceBytes`, the last one shorter; empty content is one empty piece. Each piece is taken from `memory` when its first
 * byte is there, and whoever gets it gives it back.
 * @throws IntegrityError unless it has exactly `sizeBytes`; whatever the content throws.
 */
export async function* cut(
  content: AsyncIterable<Uint8Array>,
  { sizeBytes, pieceBytes, name }: { readonly sizeBytes: number; readonly pieceBytes: number; readonly name: string },
  memory: PartTurn,
): AsyncGenerator<Buffer, void> {
  let ahead = sizeBytes;
  let piece: Buffer = Buffer.alloc(0);
  let filled = 0;
  for await (const chunk of content) {
    for (let offset = 0; offset < chunk.byteLength; ) {
      if (filled === piece.byteLength) {
        ahead -= filled;
        if (ahead === 0)
          throw new IntegrityError(`${name}: its content has more than ${sizeBytes} bytes; verify the recovery point`);
        if (filled > 0) yield piece;
        const nextBytes = Math.min(pieceBytes, ahead);
        await memory.take(nextBytes);
        piece = Buffer.allocUnsafe(nextBytes);
        filled = 0;
      }
      const taken = Math.min(piece.byteLength - filled, chunk.byteLength - offset);
      piece.set(chunk.subarray(offset, offset + taken), filled);
      filled += taken;
      offset += taken;
    }
  }
  if (filled !== ahead)
    throw new IntegrityError(
      `${name}: its content has ${sizeBytes - ahead + filled} bytes instead of ${sizeBytes}; verify the recovery point`,
    );
  yield piece;
}

export interface MultipartUpload {
  readonly Bucket: string;
  readonly Key: string;
  readonly UploadId: string;
}

/** Uploads the content's parts, a few at a time, and returns them in order. The first failure stops all. */
export async function uploadParts(
  client: S3Client,
  upload: MultipartUpload,
  content: AsyncIterable<Uint8Array>,
  { sizeBytes, name }: { readonly sizeBytes: number; readonly name: string },
  memory: PartTurn,
): Promise<CompletedPart[]> {
  const pieceBytes = partBytesFor(sizeBytes);
  const parts: CompletedPart[] = [];
  const inFlight = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const send = async (body: Buffer, partNumber: number): Promise<void> => {
    try {
      parts[partNumber - 1] = await uploadPart(client, upload, body, partNumber);
    } catch (error) {
      failures.push(error);
    } finally {
      memory.give(body.byteLength);
    }
  };
  let partNumber = 0;
  try {
    for await (const body of cut(content, { sizeBytes, pieceBytes, name }, memory)) {
      partNumber += 1;
      const sent = send(body, partNumber).finally(() => inFlight.delete(sent));
      inFlight.add(sent);
      if (inFlight.size >= MAX_PARTS_IN_FLIGHT) await Promise.race(inFlight);
      if (failures.length > 0) break;
    }
  } finally {
    // No part may arrive after the abort, where it would be kept and charged.
    await Promise.all(inFlight);
  }
  if (failures.length > 0) throw failures[0];
  return parts;
}

async function uploadPart(client: S3Client, upload: MultipartUpload, Body: Buffer, PartNumber: number) {
  const { ETag, ChecksumCRC32 } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body }));
  // The SDK sends CRC32s by default, and S3 then wants each again to complete.
  return { PartNumber, ETag, ...(ChecksumCRC32 === undefined ? {} : { ChecksumCRC32 }) };
}

/** Throws the parts away. */
export async function abandon(client: S3Client, upload: MultipartUpload): Promise<void> {
  try {
    await client.send(new AbortMultipartUploadCommand(upload));
  } catch {
    // What is told is the error that led here; parts that stay are seen and ended by a lifecycle rule for incomplete uploads.
  }
}
