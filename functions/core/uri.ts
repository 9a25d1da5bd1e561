/**
 * Sources, targets and vaults are named by URIs. A prefix is taken literally (S3 keys, names of parameters and of secrets are not paths: nothing
 * is decoded, joined or normalised).
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

/** `dynamodb://table` */
export interface DynamoDbUri {
  readonly scheme: 'dynamodb';
  readonly table: string;
}

/** `ssm:///acme/prod/`: the parameters whose names begin with `/acme/prod/`. */
export interface SsmUri {
  readonly scheme: 'ssm';
  /** Literal; empty for every parameter. */
  readonly prefix: string;
}

/** `secretsmanager://acme/`: the secrets whose names begin with `acme/`. */
export interface SecretsManagerUri {
  readonly scheme: 'secretsmanager';
  /** Literal; empty for every secret. */
  readonly prefix: string;
}

/** `lambda://acme-*`: the functions whose names begin with `acme-`; `lambda://acme`: that function alone. */
export interface LambdaUri {
  readonly scheme: 'lambda';
  readonly name: string;
  /** Whether `name` is the beginning of names, or a whole one. */
  readonly all: boolean;
}

/** What can hold blobs. */
export type VaultUri = S3Uri | FileUri;
export type PlaceUri = VaultUri | DynamoDbUri | SsmUri | SecretsManagerUri | LambdaUri;

/** How a place of each kind is written. */
export const PLACE_FORMS: Readonly<Record<PlaceUri['scheme'], string>> = {
  s3: 's3://bucket/prefix',
  file: 'file:///absolute/path',
  dynamodb: 'dynamodb://table',
  ssm: 'ssm:///path/',
  secretsmanager: 'secretsmanager://prefix',
  lambda: 'lambda://name or lambda://prefix*',
};

// Bucket names: 3 to 63 of [a-z0-9.-] (S3 user guide, "General purpose bucket naming rules").
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
// DynamoDB developer guide, "Naming rules".
const TABLE = /^[A-Za-z0-9_.-]{3,255}$/;
// Systems Manager API reference, PutParameter: letters, digits and . - _, levels set apart by `/`.
const PARAMETER = /^[A-Za-z0-9_./-]{0,1011}$/;
// Secrets Manager API reference, CreateSecret.
const SECRET = /^[A-Za-z0-9/_+=.@-]{0,512}$/;
// Lambda API reference, CreateFunction.
const FUNCTION = /^[A-Za-z0-9_-]{0,64}\*?$/;

/** Reads a source's, target's or vault's URI. @throws InvalidInputError naming the text and the form that is expected. */
export function parseUri(text: string): PlaceUri {
  const [, scheme, rest = ''] = /^([a-z0-9]+):\/\/(.*)$/su.exec(text) ?? [];
  const invalid = (why: string, form: PlaceUri['scheme']) =>
    new InvalidInputError(`"${text}": ${why}; write ${PLACE_FORMS[form]}`);
  switch (scheme) {
    case 's3': {
      const slash = rest.indexOf('/');
      const [bucket, prefix] = slash < 0 ? [rest, ''] : [rest.slice(0, slash), rest.slice(slash + 1)];
      if (!BUCKET.test(bucket)) throw invalid(`"${bucket}" is not a bucket name`, 's3');
      return { scheme, bucket, prefix };
    }
    case 'file':
      if (!rest.startsWith('/')) throw invalid('this is not an absolute path', 'file');
      if (rest.includes('\0')) throw invalid('a path holds no NUL character', 'file');
      return { scheme, path: rest.replace(/\/+$/, '') || '/' };
    case 'dynamodb':
      if (!TABLE.test(rest)) throw invalid(`"${rest}" is not the name of a table`, 'dynamodb');
      return { scheme, table: rest };
    case 'ssm':
      if (!PARAMETER.test(rest)) throw invalid(`"${rest}" begins no parameter's name`, 'ssm');
      return { scheme, prefix: rest };
    case 'secretsmanager':
      if (!SECRET.test(rest)) throw invalid(`"${rest}" begins no secret's name`, 'secretsmanager');
      return { scheme, prefix: rest };
    case 'lambda':
      if (rest === '' || !FUNCTION.test(rest)) throw invalid(`"${rest}" is not the name of a function`, 'lambda');
      return { scheme, name: rest.replace(/\*$/, ''), all: rest.endsWith('*') };
    default:
      throw new InvalidInputError(
        `"${text}" names no place that is known here; write ${Object.values(PLACE_FORMS).join(', ')}`,
      );
  }
}

/** Reads a vault's URI. @throws InvalidInputError also for a place that holds no blobs. */
export function parseVaultUri(text: string): VaultUri {
  const uri = parseUri(text);
  if (uri.scheme === 's3' || uri.scheme === 'file') return uri;
  throw new InvalidInputError(`"${text}" cannot be a vault; write ${PLACE_FORMS.s3} or ${PLACE_FORMS.file}`);
}

/** The normal form, by which a source is identified. */
export function formatUri(uri: PlaceUri): string {
  switch (uri.scheme) {
    case 's3':
      return `s3://${uri.bucket}/${uri.prefix}`;
    case 'file':
      return `file://${uri.path}`;
    case 'dynamodb':
      return `dynamodb://${uri.table}`;
    case 'lambda':
      return `lambda://${uri.name}${uri.all ? '*' : ''}`;
    case 'ssm':
    case 'secretsmanager':
      return `${uri.scheme}://${uri.prefix}`;
  }
}

/** A place in S3 as a folder: its prefix ends in `/` unless it is empty, so that `s3://bucket/a` is not the beginning of `s3://bucket/ab`. */
export function asFolder(place: S3Uri): S3Uri {
  return place.prefix === '' || place.prefix.endsWith('/') ? place : { ...place, prefix: `${place.prefix}/` };
}

/** Whether one place lies in the other, or they are the same: what is written to one may show up in the other. */
export function overlap(a: PlaceUri, b: PlaceUri): boolean {
  if (a.scheme === 's3' && b.scheme === 's3') return a.bucket === b.bucket && nested(a.prefix, b.prefix);
  if (a.scheme === 'file' && b.scheme === 'file') {
    const [inner, outer] = [a.path, b.path].map((path) => (path === '/' ? '/' : `${path}/`));
    return nested(inner ?? '', outer ?? '');
  }
  if (a.scheme === 'dynamodb' && b.scheme === 'dynamodb') return a.table === b.table;
  if (a.scheme === 'lambda' && b.scheme === 'lambda')
    return (a.all && b.name.startsWith(a.name)) || (b.all && a.name.startsWith(b.name)) || a.name === b.name;
  if (a.scheme === 'ssm' && b.scheme === 'ssm') return nested(a.prefix, b.prefix);
  return a.scheme === 'secretsmanager' && b.scheme === 'secretsmanager' && nested(a.prefix, b.prefix);
}

const nested = (a: string, b: string): boolean => a.startsWith(b) || b.startsWith(a);
