/** The catalogue of the stack, in DynamoDB. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoCatalogue } from '../../catalogue/dynamo-catalogue.ts';
import { CLIENT_DEFAULTS } from '../clients.ts';
import { ownMeter } from '../meter.ts';
import { part } from './part.ts';

export const catalogue = part(['HOLDFAST_CATALOGUE_TABLE'], ({ HOLDFAST_CATALOGUE_TABLE }) => {
  const opened = dynamoCatalogue(ownMeter.watch(new DynamoDBClient(CLIENT_DEFAULTS)), HOLDFAST_CATALOGUE_TABLE);
  const { leases, runs, usage, recoveryPoints, proofs, contentIndex } = opened;
  return { leases, runs, usage, recoveryPoints, proofs, contentIndex };
});
