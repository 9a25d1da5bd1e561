/** The account that the framework deploys into, asked with the credentials that the framework found. */
import { CloudFormationClient, type CloudFormationClientConfig } from '@aws-sdk/client-cloudformation';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { httpStatusOf, translateAwsError } from '../../core/aws-errors.ts';
import { InvalidInputError, messageOf } from '../../core/errors.ts';

/** What is used of the framework's AWS provider. */
export interface AwsProvider {
  getAccountId(): Promise<string>;
  /** Credentials, proxy, certificates and retries, as for the framework's own clients. */
  getAwsSdkV3Config(options: { readonly region: string }): Promise<CloudFormationClientConfig & S3ClientConfig>;
}

export interface AwsAccount {
  /** 12 digits. */
  id(): Promise<string>;
  s3(region: string): Promise<S3Client>;
  cloudFormation(region: string): Promise<CloudFormationClient>;
}

export function awsAccount(provider: AwsProvider): AwsAccount {
  return {
    id: () => asking('the AWS account: asking for its number', () => provider.getAccountId()),
    s3: async (region) => new S3Client(await provider.getAwsSdkV3Config({ region })),
    cloudFormation: async (region) => new CloudFormationClient(await provider.getAwsSdkV3Config({ region })),
  };
}

/**
 * Sends a request. What AWS refuses becomes one sentence that begins with `what`; anything else passes untouched, such as the framework's
 * own sentence about credentials that are missing.
 */
export async function asking<Answer>(what: string, request: () => Promise<Answer>): Promise<Answer> {
  try {
    return await request();
  } catch (error) {
    const translated = translateAwsError(error, what);
    if (translated !== error || httpStatusOf(error) === undefined) throw translated;
    throw new InvalidInputError(`${what}: AWS refuses it (${messageOf(error)})`, { cause: error });
  }
}
