import { describe, expect, it } from 'vitest';
import { costOfRun } from '../../functions/core/cost.ts';
import { costLines } from '../../functions/local/cost-report.ts';

describe('the cost of a run', () => {
  it('says nothing where nothing was used', () => {
    expect(costLines({ usage: undefined, cost: undefined })).toEqual([]);
  });

  it('is told beside what was expected, with what was used and what is not counted', () => {
    const usage = {
      s3Writes: 1000,
      s3Reads: 1,
      tableReadUnits: 12.5,
      sentBytes: 7,
      lambdaCalls: 3,
      lambdaMebibyteMillis: 2048e3,
    };
    const lines = costLines({ usage, cost: costOfRun(usage, 0.0061) });
    expect(lines[0]).toMatch(/^cost +0\.005 USD \(expected: 0\.0061 USD\), at list prices of us-east-1 of \d{4}-\d\d$/);
    expect(lines[1]).toMatch(
      /^used +1,000 S3 writes and lists, 1 S3 read, 12\.5 DynamoDB read units, 3 Lambda calls, 2 GB-seconds$/,
    );
    expect(lines[2]).toMatch(/^not counted +storage, CloudWatch/);
  });

  it('says that Lambda cost nothing where the run was here', () => {
    const usage = { s3Writes: 1 };
    expect(costLines({ usage, cost: costOfRun(usage, undefined) })[0]).toContain(
      'Lambda and Step Functions cost nothing',
    );
  });
});
