/**
 * List prices of AWS in us-east-1, in USD, without free tiers and volume discounts. Other regions cost up to half as much again for some of these;
 * they are priced as us-east-1. From the services' pages: aws.amazon.com/s3/pricing, /dynamodb/pricing/on-demand, /systems-manager/pricing,
 * /secrets-manager/pricing, /kms/pricing, /eventbridge/pricing, /lambda/pricing (arm64), /step-functions/pricing, /cloudwatch/pricing and
 * /ec2/pricing/on-demand (data transfer), as they stood in the month of `PRICES_AS_OF`.
 */
import type { UsageKind } from './usage.ts';

export const PRICES_AS_OF = '2026-06';
export const PRICED_REGION = 'us-east-1';

const THOUSAND = 1e3;
const MILLION = 1e6;
const GIB = 2 ** 30;

/** USD for one of each kind. */
export const USD_EACH: Readonly<Record<UsageKind, number>> = {
  // The class Standard, in which Holdfast writes.
  s3Writes: 0.005 / THOUSAND,
  s3Reads: 0.0004 / THOUSAND,
  s3Deletes: 0,
  tableReadUnits: 0.125 / MILLION,
  tableWriteUnits: 0.625 / MILLION,
  exportedBytes: 0.1 / GIB,
  // At standard throughput; of advanced parameters 0.05 for 10,000, which no answer tells apart.
  parameterRequests: 0,
  secretRequests: 0.05 / (10 * THOUSAND),
  keyRequests: 0.03 / (10 * THOUSAND),
  // Custom events of up to 64 KiB; ours are smaller.
  events: 1 / MILLION,
  otherRequests: 0,
  sentBytes: 0,
  receivedBytes: 0,
  interRegionBytes: 0.02 / GIB,
  leavingBytes: 0.09 / GIB,
  lambdaCalls: 0.2 / MILLION,
  lambdaMebibyteMillis: 0.0000133334 / 1024 / THOUSAND,
  transitions: 0.025 / THOUSAND,
};

/** USD for what stands for a month. */
export const USD_MONTH = {
  s3StandardGib: 0.023,
  tableGib: 0.25,
  tablePointInTimeGib: 0.2,
  /** Standard resolution. */
  alarm: 0.1,
  /** One custom metric that is heard in every hour of the month. */
  metric: 0.3,
} as const;
