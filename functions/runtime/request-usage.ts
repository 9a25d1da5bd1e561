/** What one request to AWS counts as, by what it asks and what its answer tells. */
import { isJsonObject } from '../core/typed-json.ts';
import type { Usage, UsageKind } from '../core/usage.ts';

/** As the SDK names what is sent. */
export interface SentCommand {
  readonly clientName?: string;
  readonly commandName?: string;
}

/**
 * The kind as which a request is billed; undefined where its answer tells (DynamoDB's items) or its size (events). S3's price list: PUT, COPY,
 * POST and LIST; then "GET, SELECT, and all other"; DELETE and CANCEL free.
 */
export function kindOfRequest({ clientName, commandName = '' }: SentCommand): UsageKind | undefined {
  switch (clientName) {
    case 'S3Client':
      if (/^(Delete|Abort)/.test(commandName)) return 's3Deletes';
      return /^(Put|Copy|Post|Create|Complete|Upload|List)/.test(commandName) ? 's3Writes' : 's3Reads';
    case 'DynamoDBClient':
      return itemRequest(commandName) === undefined ? 'otherRequests' : undefined;
    case 'SSMClient':
      return 'parameterRequests';
    case 'SecretsManagerClient':
      return 'secretRequests';
    case 'EventBridgeClient':
      return undefined;
    default:
      return 'otherRequests';
  }
}

/** Whether a request to DynamoDB reads or writes items. */
export function itemRequest(commandName: string): 'tableReadUnits' | 'tableWriteUnits' | undefined {
  if (/^(GetItem|BatchGetItem|Query|Scan)Command$/.test(commandName)) return 'tableReadUnits';
  return /^(PutItem|UpdateItem|DeleteItem|BatchWriteItem)Command$/.test(commandName) ? 'tableWriteUnits' : undefined;
}

/** What a parsed answer tells: units of DynamoDB, events that the bus took, parameters that KMS opened. */
export function toldByOutput({ clientName, commandName = '' }: SentCommand, input: object, output: object): Usage {
  if (!isJsonObject(output)) return {};
  switch (clientName) {
    case 'DynamoDBClient': {
      const kind = itemRequest(commandName);
      return kind === undefined ? {} : { [kind]: unitsIn(output.ConsumedCapacity) };
    }
    case 'EventBridgeClient': {
      const entries = isJsonObject(input) && Array.isArray(input.Entries) ? input.Entries.length : 0;
      return { events: entries - (Number(output.FailedEntryCount) || 0) };
    }
    case 'SSMClient': {
      const parameters = [output.Parameter, ...(Array.isArray(output.Parameters) ? output.Parameters : [])];
      const opened = parameters.filter((one) => isJsonObject(one) && one.Type === 'SecureString' && 'Value' in one);
      return { keyRequests: opened.length };
    }
    default:
      return {};
  }
}

/** The export that an answer describes as complete, and what DynamoDB bills for it. */
export function completedExport(output: object): { readonly arn: string; readonly bytes: number } | undefined {
  const told = isJsonObject(output) ? output.ExportDescription : undefined;
  if (!isJsonObject(told) || told.ExportStatus !== 'COMPLETED') return undefined;
  const { ExportArn: arn, BilledSizeBytes: bytes } = told;
  return typeof arn === 'string' && typeof bytes === 'number' ? { arn, bytes } : undefined;
}

/** A condition that does not hold costs what a write costs; of how large an item, DynamoDB does not tell. */
export function toldByError({ clientName }: SentCommand, error: unknown): Usage {
  const refused = error instanceof Error && error.name === 'ConditionalCheckFailedException';
  return clientName === 'DynamoDBClient' && refused ? { tableWriteUnits: 1 } : {};
}

/** One table's, or one for each table of a batch. */
function unitsIn(consumed: unknown): number {
  const all: readonly unknown[] = Array.isArray(consumed) ? consumed : [consumed];
  return all.reduce<number>((sum, one) => {
    const units = isJsonObject(one) ? one.CapacityUnits : undefined;
    return sum + (typeof units === 'number' ? units : 0);
  }, 0);
}

/** An HTTP message as far as it is counted. */
export interface Message {
  readonly method: string;
  readonly hostname: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** The bytes of a body that a message tells. */
export function bodyBytes({ headers }: Pick<Message, 'headers'>): number {
  const told = Number(headers['content-length'] ?? headers['Content-Length'] ?? 0);
  return Number.isFinite(told) ? told : 0;
}

/** The region whose endpoint of AWS the host is; undefined for any other host. */
export function regionOfHost(hostname: string): string | undefined {
  return /\.([a-z]{2}(?:-[a-z]+)+-\d+)\.amazonaws\.com(?:\.cn)?$/.exec(hostname)?.[1];
}

/** Whether S3 asked KMS for the key of this object; a bucket's own key stands in for most such requests, which is told too. */
export function usedKey({ headers }: Pick<Message, 'headers'>): boolean {
  const encryption = headers['x-amz-server-side-encryption'];
  return (
    typeof encryption === 'string' &&
    encryption.startsWith('aws:kms') &&
    headers['x-amz-server-side-encryption-bucket-key-enabled'] !== 'true'
  );
}
