/** What reading and writing items must know of the table: its key, and how large its items are. */
import { DescribeTableCommand, type DynamoDBClient, type TableDescription } from '@aws-sdk/client-dynamodb';
import { translateAwsError } from '../../core/aws-errors.ts';
import { IntegrityError } from '../../core/errors.ts';
import { formatUri } from '../../core/uri.ts';
import type { KeyAttribute, KeySchema } from './items.ts';

export interface TableShape {
  readonly keySchema: KeySchema;
  /** As DynamoDB last counted (every six hours); 0 when it never did. */
  readonly averageItemBytes: number;
}

/** Places as messages name them. */
export const nameOfTable = (table: string): string => formatUri({ scheme: 'dynamodb', table });

/** The shape as it is when it is first asked for. @throws NotFoundError when there is no such table */
export function tableShape(client: DynamoDBClient, table: string): () => Promise<TableShape> {
  let shape: Promise<TableShape> | undefined;
  return () => {
    shape ??= describeShape(client, table).catch((error: unknown) => {
      shape = undefined; // It may be mended, or the table made, before the next try.
      throw error;
    });
    return shape;
  };
}

/** @throws NotFoundError when there is no such table */
export async function describeShape(client: DynamoDBClient, table: string): Promise<TableShape> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
    const [items, bytes] = [Table?.ItemCount ?? 0, Table?.TableSizeBytes ?? 0];
    return { keySchema: keySchemaOf(table, Table), averageItemBytes: items === 0 ? 0 : bytes / items };
  } catch (error) {
    throw translateAwsError(error, `${nameOfTable(table)}: describing the table`);
  }
}

/** @throws IntegrityError when the description does not tell the key */
export function keySchemaOf(table: string, description: TableDescription | undefined): KeySchema {
  const types = new Map(description?.AttributeDefinitions?.map((one) => [one.AttributeName, one.AttributeType]));
  const find = (role: 'HASH' | 'RANGE'): readonly KeyAttribute[] =>
    (description?.KeySchema ?? [])
      .filter(({ KeyType }) => KeyType === role)
      .map(({ AttributeName: name }) => {
        const type = types.get(name);
        if (name === undefined || (type !== 'S' && type !== 'N' && type !== 'B'))
          throw new IntegrityError(`${nameOfTable(table)}: DynamoDB does not tell the type of the table's key`);
        return { name, type };
      });
  const [hash, range] = [find('HASH'), find('RANGE')];
  if (hash.length !== 1) throw new IntegrityError(`${nameOfTable(table)}: DynamoDB does not tell the table's key`);
  return [...hash, ...range];
}
