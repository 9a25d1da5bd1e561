/** The catalogue in a DynamoDB table. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { catalogueIn, type TableCatalogue } from './catalogue.ts';
import { dynamoTable, type TableOptions } from './table.ts';

/** @param tableName of a table made as `catalogueTableDefinition` (`keys.ts`) says. */
export function dynamoCatalogue(client: DynamoDBClient, tableName: string, options: TableOptions = {}): TableCatalogue {
  return catalogueIn(dynamoTable(client, tableName, options));
}
