/** Starting an export, and asking how far it is. */
import { createHash } from 'node:crypto';
import {
  DescribeExportCommand,
  type DynamoDBClient,
  type ExportDescription,
  ExportTableToPointInTimeCommand,
} from '@aws-sdk/client-dynamodb';
import { translateAwsError } from '../../core/aws-errors.ts';
import { AccessDeniedError, IntegrityError, InvalidInputError, TransientError } from '../../core/errors.ts';
import { formatUri, parseUri, type S3Uri } from '../../core/uri.ts';
import type { ExportCursor } from './export-cursor.ts';

type ExportOf = ExportCursor['exports'][number];

/** The place that a plan names for exports. @throws InvalidInputError when it names none */
export function parseExportTo(exportTo: string | undefined, name: string): S3Uri {
  if (exportTo === undefined)
    throw new InvalidInputError(
      `${name}: engine export needs a place; set exportTo: s3://bucket/prefix, or engine: scan`,
    );
  const uri = parseUri(exportTo);
  if (uri.scheme !== 's3')
    throw new InvalidInputError(
      `${name}: exportTo is "${exportTo}", and DynamoDB exports to S3 only; set exportTo: s3://bucket/prefix`,
    );
  // DynamoDB joins what follows with a slash of its own.
  return { ...uri, prefix: uri.prefix.replace(/\/+$/, '') };
}

/**
 * Starts an export, or finds the one that an earlier call with the same cursor started. Its time is refused as long as it lies ahead of
 * DynamoDB's clock, or as continuous backups have yet to reach it (`LatestRestorableDateTime` is some minutes behind).
 * @returns the export's ARN, or DynamoDB's words
 */
export async function startExport(
  client: DynamoDBClient,
  { table, begunAt }: Pick<ExportCursor, 'table' | 'begunAt'>,
  { from, to }: ExportOf,
  place: S3Uri,
  name: string,
): Promise<{ readonly arn: string } | { readonly refused: string }> {
  const what = `${name}: starting an export to ${formatUri(place)}`;
  const time = (seconds: number) => new Date(seconds * 1000);
  try {
    const { ExportDescription: started } = await client.send(
      new ExportTableToPointInTimeCommand({
        TableArn: table.arn,
        S3Bucket: place.bucket,
        ...(place.prefix === '' ? {} : { S3Prefix: place.prefix }),
        ExportFormat: 'DYNAMODB_JSON',
        ...(from === undefined
          ? { ExportType: 'FULL_EXPORT', ExportTime: time(to) }
          : {
              ExportType: 'INCREMENTAL_EXPORT',
              // With the old images, so that a removal shows what was removed and cannot be taken for a line that lost its image.
              IncrementalExportSpecification: {
                ExportFromTime: time(from),
                ExportToTime: time(to),
                ExportViewType: 'NEW_AND_OLD_IMAGES',
              },
            }),
        // DynamoDB gives the same export for the same token, for 8 hours, and refuses one with other parameters.
        ClientToken: tokenOf([table.arn, table.id, begunAt, place.bucket, place.prefix, String(from), String(to)]),
      }),
    );
    if (started?.ExportArn === undefined)
      throw new IntegrityError(`${what}: DynamoDB answered without the export's ARN`);
    return { arn: started.ExportArn };
  } catch (error) {
    if (error instanceof Error && error.name === 'InvalidExportTimeException') return { refused: error.message };
    throw translateAwsError(error, what);
  }
}

const tokenOf = (parts: readonly string[]): string =>
  createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 32);

/** @returns the completed export; undefined while it is under way. @throws what its failure means */
export async function findCompleted(
  client: DynamoDBClient,
  arn: string,
  name: string,
): Promise<ExportDescription | undefined> {
  const what = `${name}: export ${arn}`;
  try {
    const { ExportDescription: found } = await client.send(new DescribeExportCommand({ ExportArn: arn }));
    switch (found?.ExportStatus) {
      case 'IN_PROGRESS':
        return undefined;
      case 'COMPLETED':
        return found;
      case 'FAILED':
        throw failureOf(found, what);
      default:
        throw new IntegrityError(`${what}: DynamoDB answered without a status that is known (${found?.ExportStatus})`);
    }
  } catch (error) {
    throw translateAwsError(error, what);
  }
}

/** The codes are not documented; these were seen. A failed export stays so: the next run starts another. */
function failureOf(
  { FailureCode: code = 'no code', FailureMessage: said = 'no message' }: ExportDescription,
  what: string,
) {
  const failed = `${what} failed with ${code} (${said})`;
  if (/NoSuchBucket/.test(code)) return new InvalidInputError(`${failed}; create the bucket, or correct exportTo`);
  if (/kms/i.test(code)) return new AccessDeniedError(`${failed}; let these credentials use the bucket's KMS key`);
  if (/AccessDenied|Forbidden/.test(code))
    return new AccessDeniedError(
      `${failed}; grant s3:PutObject, s3:PutObjectAcl and s3:AbortMultipartUpload there to these credentials`,
    );
  return new TransientError(`${failed}; run again`);
}
