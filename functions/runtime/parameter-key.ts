/** The key of a Lambda function: a key file's text in a parameter of SSM. */
import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { translateAwsError } from '../core/aws-errors.ts';
import { InvalidInputError, NotFoundError } from '../core/errors.ts';
import type { Secret } from '../core/keyring.ts';
import { parseKeyFile } from './key-file.ts';

/** The key file's text in an SSM parameter. @throws NotFoundError, AccessDeniedError, TransientError, InvalidInputError (no key file) */
export async function readSecret(client: SSMClient, parameter: string): Promise<Secret> {
  try {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: parameter, WithDecryption: true }));
    return { type: 'keyfile', bytes: parseKeyFile(Parameter?.Value ?? '') };
  } catch (error) {
    if (error instanceof Error && error.name === 'ParameterNotFound')
      throw new NotFoundError(
        `the parameter ${parameter} is not there; put the key file's text into it, as a SecureString`,
        { cause: error },
      );
    if (error instanceof InvalidInputError)
      throw new InvalidInputError(
        `the parameter ${parameter} holds no key: ${error.message}; put the key's text there`,
        {
          cause: error,
        },
      );
    throw translateAwsError(error, `parameter ${parameter}: reading the key`);
  }
}
