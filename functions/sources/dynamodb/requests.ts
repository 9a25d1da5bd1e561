/** Requests about one table as a whole: what their failures mean, and waiting until the table is ready. */
import { setTimeout as sleepMillis } from 'node:timers/promises';
import { ApplicationAutoScalingServiceException } from '@aws-sdk/client-application-auto-scaling';
import { DescribeTableCommand, type DynamoDBClient, type TableDescription } from '@aws-sdk/client-dynamodb';
import { httpStatusOf, translateAwsError } from '../../core/aws-errors.ts';
import { AccessDeniedError, IntegrityError, messageOf, NotFoundError, TransientError } from '../../core/errors.ts';

export interface WaitOptions {
  readonly sleep?: ((millis: number) => Promise<unknown>) | undefined;
}

/** What one call waits in all. A Lambda has 15 minutes, and a state machine calls again after a TransientError. */
const PATIENCE_MILLIS = 300_000;
const SHORTEST_PAUSE_MILLIS = 1000;
const LONGEST_PAUSE_MILLIS = 10_000;

/** Codes of a table, or of its auto scaling, that is being changed right now, or was made a moment ago. */
const BUSY: ReadonlySet<string> = new Set([
  'ResourceInUseException',
  'ContinuousBackupsUnavailableException',
  'ConcurrentUpdateException',
]);

export const tableUri = (table: string): string => `dynamodb://${table}`;

const codeOf = (error: unknown): string => (error instanceof Error ? error.name : '');

/** Translates what a request about a table threw; `what` was being done. */
export function translateTableError(error: unknown, table: string, what: string): unknown {
  const sentence = `${tableUri(table)}: ${what}`;
  if (isUsedUp(error)) return error;
  if (BUSY.has(codeOf(error)))
    return new TransientError(`${sentence}: the table is being changed; try again later (${messageOf(error)})`, {
      cause: error,
    });
  return translateAwsError(error, sentence);
}

/**
 * Whether AWS understood the request and will not do it, now or in a minute: not a table that is missing, wrong credentials, or a failure
 * for now.
 */
export function isRefusal(error: unknown): boolean {
  if (isUsedUp(error)) return true;
  const status = httpStatusOf(error);
  if (status === undefined || status < 400) return false;
  const known = translateTableError(error, '', '');
  if (known instanceof TransientError || known instanceof NotFoundError) return false;
  // Of the access errors, only these are about what was asked for; the others are about who asks.
  return !(known instanceof AccessDeniedError) || /^(AccessDenied(Exception)?$|KMS\.)/.test(codeOf(error));
}

/** A refusal in words, to follow the name of what was refused. */
export const refusalOf = (error: unknown): string => `${codeOf(error)} (${messageOf(error)})`;

/**
 * LimitExceededException means too many changes at once, which passes, but also an allowance that is used up: so many decreases of capacity
 * a day, changes of the encryption in 24 hours, changes of the class in 30 days, policies in an account.
 */
function isUsedUp(error: unknown): boolean {
  if (codeOf(error) !== 'LimitExceededException') return false;
  return error instanceof ApplicationAutoScalingServiceException || /\bdays?\b|\b24 ?h/i.test(messageOf(error));
}

/** The table as DynamoDB describes it; undefined when there is none. */
export async function findTable(client: DynamoDBClient, table: string): Promise<TableDescription | undefined> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
    if (Table === undefined)
      throw new IntegrityError(`${tableUri(table)}: the description came back without the table`);
    return Table;
  } catch (error) {
    const known = translateTableError(error, table, 'describing the table');
    if (known instanceof NotFoundError) return undefined;
    throw known;
  }
}

/** @throws NotFoundError */
export async function describeTable(client: DynamoDBClient, table: string): Promise<TableDescription> {
  const found = await findTable(client, table);
  if (found === undefined)
    throw new NotFoundError(`${tableUri(table)}: there is no such table; check its name and the region`);
  return found;
}

export type IsBusy = (found: TableDescription | undefined) => boolean;

/** A table on its way to another state, and on its way out. */
export const isChanging: IsBusy = (found) => ['CREATING', 'UPDATING', 'DELETING'].includes(found?.TableStatus ?? '');
export const isLeaving: IsBusy = (found) => found?.TableStatus === 'DELETING';
/** An index that is being made, on a table that may be ready: one index is made at a time. */
export const isIndexing: IsBusy = (found) =>
  (found?.GlobalSecondaryIndexes ?? []).some((index) => (index.IndexStatus ?? 'ACTIVE') !== 'ACTIVE');

/**
 * Waits while the table is busy, with one patience for all the waits of a call; what it returns is not busy. After a change it pauses before
 * it looks, since a description may be a moment old.
 * @throws TransientError when it still is after that; AccessDeniedError for a table whose key is out of reach.
 */
export function tableWaiter(client: DynamoDBClient, table: string, { sleep = sleepMillis }: WaitOptions) {
  let waited = 0;
  const pauseFor = async (millis: number) => {
    waited += millis;
    await sleep(millis);
  };
  return async (isBusy: IsBusy, since: 'now' | 'change' = 'now'): Promise<TableDescription | undefined> => {
    if (since === 'change') await pauseFor(SHORTEST_PAUSE_MILLIS);
    for (let pause = SHORTEST_PAUSE_MILLIS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MILLIS)) {
      const found = await findTable(client, table);
      if (found?.TableStatus === 'INACCESSIBLE_ENCRYPTION_CREDENTIALS')
        throw new AccessDeniedError(
          `${tableUri(table)}: its KMS key cannot be used; enable the key, and grant it to DynamoDB`,
        );
      if (!isBusy(found)) return found;
      if (waited >= PATIENCE_MILLIS)
        throw new TransientError(
          `${tableUri(table)}: it is not ready after ${PATIENCE_MILLIS / 1000} s (${found?.TableStatus ?? 'not there yet'}); try again later`,
        );
      await pauseFor(pause);
    }
  };
}
