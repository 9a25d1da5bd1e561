/**
 * Which buckets of vaults are there already though no stack of this stage holds them: an earlier deployment that was removed or failed left
 * them, another stage made them, or a person did. They are used as they are, since CloudFormation cannot make what is there.
 */
import {
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type ObjectLockConfiguration,
  type PublicAccessBlockConfiguration,
  type S3Client,
} from '@aws-sdk/client-s3';
import { z } from 'zod';
import { httpStatusOf } from '../../core/aws-errors.ts';
import { InvalidInputError } from '../../core/errors.ts';
import { type AwsAccount, asking } from './aws-account.ts';
import { holdsResource } from './stacks.ts';
import { type VaultBucket, vaultBucketId } from './vault-buckets.ts';
import { vaultStackName } from './vault-stacks.ts';

export interface ExistingBuckets {
  /** Names of the vaults in them. */
  readonly vaults: readonly string[];
  readonly notices: readonly string[];
  /** What they lack of the protection that a bucket made by a stack has, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Looks at every bucket that is not known to be there already.
 * @throws InvalidInputError for a bucket of another account or in another region, and for one that a stack holds though it is gone.
 */
export async function findExistingBuckets(
  buckets: readonly VaultBucket[],
  account: AwsAccount,
  main: { readonly stack: string; readonly region: string },
): Promise<ExistingBuckets> {
  const found: VaultBucket[] = [];
  const warnings: string[] = [];
  for (const wanted of buckets.filter(({ existing }) => !existing)) {
    const { bucket, region } = wanted;
    const s3 = await account.s3(region);
    const isThere = await isOurs(s3, wanted, await account.id());
    const name = region === main.region ? main.stack : vaultStackName(main.stack);
    const isHeld = await holdsResource(
      { client: await account.cloudFormation(region), name, region },
      { logicalId: vaultBucketId(bucket), physicalId: bucket },
    );
    if (isHeld && !isThere) {
      const mend =
        region === main.region
          ? `deploy once with --param="existingVaults=${wanted.vaults}", so that the stack lets go of it, and then without`
          : `run aws cloudformation delete-stack --stack-name ${name} --region ${region}, which keeps every bucket, and deploy again`;
      throw new InvalidInputError(
        `${spoken(wanted)} is gone, but stack ${name} in ${region} counts on it and will not make it again; ${mend}`,
      );
    }
    if (isHeld || !isThere) continue;
    found.push(wanted);
    warnings.push(...(await lackingOf(s3, wanted)));
  }
  return {
    vaults: found.flatMap(({ vaults }) => vaults),
    notices: found.map((bucket) => `${spoken(bucket)} is there already and is used as it is`),
    warnings,
  };
}

/** `vault "main": bucket acme-vault` */
function spoken({ vaults, bucket }: VaultBucket): string {
  const names = vaults.map((name) => `"${name}"`).join(', ');
  return `${vaults.length === 1 ? 'vault' : 'vaults'} ${names}: bucket ${bucket}`;
}

const answerWithRegion = z.object({ $response: z.object({ headers: z.record(z.string(), z.string()) }) });

/** False when there is no such bucket. @throws InvalidInputError when there is, but not ours, or not in the vault's region. */
async function isOurs(client: S3Client, wanted: VaultBucket, owner: string): Promise<boolean> {
  const { vaults, bucket, region } = wanted;
  const elsewhere = (actual: string) =>
    new InvalidInputError(
      `${spoken(wanted)} is in ${actual}, not in ${region}; write region: ${actual} for the vault in the plan file, or give it another bucket`,
    );
  return asking(`${spoken(wanted)}: looking for it`, async () => {
    try {
      // Whoever guesses the name first could own the bucket and open it to us.
      const { BucketRegion: actual = region } = await client.send(
        new HeadBucketCommand({ Bucket: bucket, ExpectedBucketOwner: owner }),
      );
      if (actual !== region) throw elsewhere(actual);
      return true;
    } catch (error) {
      const status = httpStatusOf(error);
      if (status === 404) return false;
      if (status === 403)
        throw new InvalidInputError(
          `${spoken(wanted)} is there, but belongs to another account, or these credentials may not look at it; give the vault another bucket, or, if you know whose it is and may use it, say --param="existingVaults=${vaults}"`,
          { cause: error },
        );
      // A HEAD's answer has no body, whatever is wrong with the region (S3 API reference, HeadBucket).
      const actual = answerWithRegion.safeParse(error).data?.$response.headers['x-amz-bucket-region'];
      if (actual !== undefined && actual !== region) throw elsewhere(actual);
      throw error;
    }
  });
}

/** A sentence for each protection that the bucket lacks. */
async function lackingOf(client: S3Client, wanted: VaultBucket): Promise<readonly string[]> {
  const bucket = { Bucket: wanted.bucket };
  const look = async (what: string, request: () => Promise<string | undefined>) => {
    const said = await asking(`${spoken(wanted)}: looking at its ${what}`, () =>
      request().catch((error: unknown) => {
        if (httpStatusOf(error) !== 403) throw error;
        return `may not be looked at for its ${what}; look at it by hand`;
      }),
    );
    return said === undefined ? [] : [`${spoken(wanted)} ${said}`];
  };
  return [
    ...(await look('versioning', async () => {
      const { Status } = await client.send(new GetBucketVersioningCommand(bucket));
      return Status === 'Enabled' ? undefined : 'keeps no versions, so that what is deleted is gone; enable versioning';
    })),
    ...(wanted.lock === undefined
      ? []
      : await look('Object Lock', async () =>
          lackingLock(
            wanted.lock,
            await unlessUnset('ObjectLockConfigurationNotFoundError', async () => {
              const answer = await client.send(new GetObjectLockConfigurationCommand(bucket));
              return answer.ObjectLockConfiguration;
            }),
          ),
        )),
    ...(await look('public access block', async () =>
      lackingBlock(
        await unlessUnset('NoSuchPublicAccessBlockConfiguration', async () => {
          const answer = await client.send(new GetPublicAccessBlockCommand(bucket));
          return answer.PublicAccessBlockConfiguration;
        }),
      ),
    )),
  ];
}

async function unlessUnset<Answer>(name: string, request: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof Error && error.name === name) return undefined;
    throw error;
  }
}

/** Compliance is stronger than governance, and longer is stronger than shorter. */
export function lackingLock(
  lock: VaultBucket['lock'],
  actual: ObjectLockConfiguration | undefined,
): string | undefined {
  if (lock === undefined) return undefined;
  const wanted = inWords(lock.mode, lock.days);
  const { Mode, Days, Years } = actual?.Rule?.DefaultRetention ?? {};
  if (actual?.ObjectLockEnabled !== 'Enabled' || Mode === undefined)
    return `locks no blob, where the plan file asks for ${wanted}; set Object Lock with this as its default retention`;
  const days = Days ?? (Years ?? 0) * 365;
  const weaker = (lock.mode === 'compliance' && Mode !== 'COMPLIANCE') || days < lock.days;
  return weaker
    ? `locks blobs by ${inWords(Mode.toLowerCase(), days)}, where the plan file asks for ${wanted}; set its default retention to this`
    : undefined;
}

const inWords = (mode: string, days: number): string => `${mode} for ${days} ${days === 1 ? 'day' : 'days'}`;

function lackingBlock(actual: PublicAccessBlockConfiguration = {}): string | undefined {
  const { BlockPublicAcls, BlockPublicPolicy, IgnorePublicAcls, RestrictPublicBuckets } = actual;
  return BlockPublicAcls && BlockPublicPolicy && IgnorePublicAcls && RestrictPublicBuckets
    ? undefined
    : 'may be opened to the public; block public access';
}
