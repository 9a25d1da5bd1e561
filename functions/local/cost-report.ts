/** What a run used and cost, in lines for a person. */
import type { Run } from '../core/catalogue-records.ts';
import { PRICED_REGION } from '../core/prices.ts';
import { USAGE_KINDS, type Usage, type UsageKind } from '../core/usage.ts';
import { pairs, showBytes, showCount, showUsd } from './figures.ts';

/** No lines where nothing was used that AWS bills. */
export function costLines({ usage, cost }: Pick<Run, 'usage' | 'cost'>): readonly string[] {
  if (usage === undefined || cost === undefined) return [];
  const expected = cost.predictedUsd === undefined ? '' : ` (expected: ${showUsd(cost.predictedUsd)})`;
  const here =
    usage.lambdaCalls === undefined ? '; Lambda and Step Functions cost nothing, since the run was here' : '';
  return pairs([
    ['cost', `${showUsd(cost.actualUsd)}${expected}, at list prices of ${PRICED_REGION} of ${cost.pricesAsOf}${here}`],
    ['used', usedText(usage)],
    ['not counted', 'storage, CloudWatch, and what Secrets Manager asks of KMS'],
  ]);
}

const amount = (one: string, many: string) => (count: number) =>
  `${showCount(Number(count.toFixed(1)))} ${count === 1 ? one : many}`;

/** How each kind is told; what costs nothing and says nothing is left to `--json`. */
const TOLD: Readonly<Partial<Record<UsageKind, (count: number) => string>>> = {
  s3Writes: amount('S3 write or list', 'S3 writes and lists'),
  s3Reads: amount('S3 read', 'S3 reads'),
  s3Deletes: amount('S3 delete', 'S3 deletes'),
  tableReadUnits: amount('DynamoDB read unit', 'DynamoDB read units'),
  tableWriteUnits: amount('DynamoDB write unit', 'DynamoDB write units'),
  exportedBytes: (count) => `${showBytes(count)} exported`,
  parameterRequests: amount('request to Parameter Store', 'requests to Parameter Store'),
  secretRequests: amount('request to Secrets Manager', 'requests to Secrets Manager'),
  keyRequests: amount('request to KMS', 'requests to KMS'),
  events: amount('event', 'events'),
  otherRequests: amount('other request', 'other requests'),
  interRegionBytes: (count) => `${showBytes(count)} between regions`,
  leavingBytes: (count) => `${showBytes(count)} out of AWS`,
  lambdaCalls: amount('Lambda call', 'Lambda calls'),
  lambdaMebibyteMillis: (count) => `${amount('GB-second', 'GB-seconds')(count / 1024 / 1000)}`,
  transitions: amount('transition', 'transitions'),
};

export function usedText(usage: Usage): string {
  return USAGE_KINDS.flatMap((kind) => {
    const count = usage[kind] ?? 0;
    const tell = TOLD[kind];
    return count === 0 || tell === undefined ? [] : [tell(count)];
  }).join(', ');
}
