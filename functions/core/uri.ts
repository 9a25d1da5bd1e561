/**
 * Sources and vaults are named by URIs: `s3://bucket/prefix`, `file:///dir`. A bucket's prefix is taken literally after the
 * first slash (S3 keys are not paths: nothing is decoded, joined or normalised).
 */
import { InvalidInputError } from './errors.ts';

export interface S3Uri {
  readonly scheme: 's3';
  readonly bucket: string;
  /** Literal; may be empty, need not end in `/`. */
  readonly prefix: string;
}

export interface FileUri {
  readonly scheme: 'file';
  /** Absolute, without a trailing slash (but for the root). */
  readonly path: string;
}

export type PlaceUri = S3Uri | FileUri;

// Bucket names: 3 to 63 of [a-z0-9.-] (S3 user guide, "General purpose bucket naming rules").
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** Reads a source's, target's or vault's URI. @throws InvalidInputError naming the text and the form that is expected. */
export function parseUri(text: string): PlaceUri {
  const s3 = /^s3:\/\/([^/]*)(?:\/(.*))?$/su.exec(text);
  if (s3 !== null) {
    const bucket = s3[1] ?? '';
    if (!BUCKET.test(bucket))
      throw new InvalidInputError(`"${text}": "${bucket}" is not a bucket name; write s3://bucket/prefix`);
    return { scheme: 's3', bucket, prefix: s3[2] ?? '' };
  }
  if (text.startsWith('file://')) {
    const path = text.slice('file://'.length);
    if (!path.startsWith('/'))
      throw new InvalidInputError(`"${text}" is not an absolute path; write file:///absolute/path`);
    if (path.includes('\0')) throw new InvalidInputError(`"${text}" holds a NUL character`);
    return { scheme: 'file', path: path.replace(/\/+$/, '') || '/' };
  }
  throw new InvalidInputError(
    `"${text}" names no place that is known here; write s3://bucket/prefix or file:///absolute/path`,
  );
}

/** The normal form, by which a source is identified. */
export function formatUri(uri: PlaceUri): string {
  return uri.scheme === 's3' ? `s3://${uri.bucket}/${uri.prefix}` : `file://${uri.path}`;
}

/** A place in S3 as a folder: its prefix ends in `/` unless it is empty, so that `s3://bucket/a` is not the beginning of `s3://bucket/ab`. */
export function asFolder(place: S3Uri): S3Uri {
  return place.prefix === '' || place.prefix.endsWith('/') ? place : { ...place, prefix: `${place.prefix}/` };
}

/** Whether one place lies in the other, or they are the same: what is written to one may show up in the other. */
export function overlap(a: PlaceUri, b: PlaceUri): boolean {
  if (a.scheme === 's3' && b.scheme === 's3')
    return a.bucket === b.bucket && (a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix));
  if (a.scheme !== 'file' || b.scheme !== 'file') return false;
  const [inner, outer] = [a.path, b.path].map((path) => (path === '/' ? '/' : `${path}/`));
  return inner !== undefined && outer !== undefined && (inner.startsWith(outer) || outer.startsWith(inner));
}
