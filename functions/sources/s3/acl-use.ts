/** Whether a bucket's objects have ACLs that count. Since 2023 new buckets have none ("bucket owner enforced"). */
import { GetBucketOwnershipControlsCommand, type S3Client } from '@aws-sdk/client-s3';
import { translateAwsError } from '../../core/aws-errors.ts';
import { formatUri, type S3Uri } from '../../core/uri.ts';

export interface AclUse {
  /** Asked once; false where it may not be asked, which the source's settings name. */
  inUse(): Promise<boolean>;
}

export function aclUse(client: S3Client, uri: S3Uri): AclUse {
  let answer: Promise<boolean> | undefined;
  const forget = (error: unknown): never => {
    answer = undefined; // The next object asks again.
    throw error;
  };
  return {
    inUse: () => {
      answer ??= ask(client, uri).catch(forget);
      return answer;
    },
  };
}

async function ask(client: S3Client, uri: S3Uri): Promise<boolean> {
  try {
    const { OwnershipControls } = await client.send(new GetBucketOwnershipControlsCommand({ Bucket: uri.bucket }));
    return OwnershipControls?.Rules?.some((rule) => rule.ObjectOwnership !== 'BucketOwnerEnforced') ?? true;
  } catch (error) {
    const code = error instanceof Error ? error.name : '';
    // A bucket without the setting is older than it, and then every object has its ACL.
    if (code === 'OwnershipControlsNotFoundError') return true;
    if (code === 'AccessDenied' || code === 'NotImplemented' || code === 'MethodNotAllowed') return false;
    throw translateAwsError(error, `${formatUri(uri)}: reading the ownership setting`);
  }
}
