import { describe, expect, it } from 'vitest';
import {
  AccessDeniedError,
  BackupError,
  ConflictError,
  InvalidInputError,
  TransientError,
} from '../../functions/core/errors.ts';
import {
  isKeyRefusal,
  nameOf,
  sendWithheld,
  translateRefusal,
  translateWithheld,
} from '../../functions/sources/withheld-words.ts';

const answered = (name: string, message: string) =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode: 400, requestId: 'REQ1' } });

async function thrown(error: unknown): Promise<unknown> {
  return sendWithheld(() => Promise.reject(error)).catch((caught: unknown) => caught);
}

describe('an error of a request that carries values', () => {
  it('keeps its name, status and request id, and loses the words of the service', async () => {
    const error = translateWithheld(await thrown(answered('ThrottlingException', 'hunter2')), 'parameter /x: reading');
    expect(error).toBeInstanceOf(TransientError);
    expect(error).toMatchObject({ context: { awsError: 'ThrottlingException', httpStatus: 400, requestId: 'REQ1' } });
    expect(String(error)).not.toContain('hunter2');
  });

  it.each([
    answered('AccessDeniedException', 'not authorized to perform: ssm:GetParameter'),
    answered('InvalidKeyId', 'key/1 is disabled'),
    answered('KMS.DisabledException', 'key/1 is disabled'),
    Object.assign(new Error('no profile acme'), { name: 'CredentialsProviderError' }),
    Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), { code: 'ECONNREFUSED' }),
    new Error('Region is missing'),
  ])('keeps words that tell of identities, keys and addresses: %s', async (error) => {
    const translated = translateWithheld(await thrown(error), 'parameter /x: reading');
    expect(translated).toBeInstanceOf(BackupError);
    if (error.message !== 'Region is missing') expect(String(translated)).toContain(error.message);
  });

  it('names the endpoint that did not answer on any of its addresses', async () => {
    const each = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', address: '::1', port: 9 });
    const error = Object.assign(new AggregateError([each], ''), { code: 'ECONNREFUSED' });
    expect(String(translateWithheld(await thrown(error), 'x'))).toContain('[::1]:9');
  });

  it('says the name alone of one that is unknown', async () => {
    const error = translateWithheld(await thrown(answered('NewException', 'hunter2')), 'parameter /x: reading');
    expect(error).not.toBeInstanceOf(BackupError);
    expect(String(error)).toBe(
      'NewException: parameter /x: reading: NewException, whose words are withheld since they may quote a value',
    );
  });

  it('hides no bug of our own outside the request', () => {
    const bug = new TypeError('x is not a function');
    expect(translateWithheld(bug, 'parameter /x')).toBe(bug);
    expect(translateRefusal(bug, 'parameter /x')).toBe(bug);
  });

  it('leaves errors of our own as they are, and what is no error untold', async () => {
    const own = new ConflictError('run 1 is active');
    expect(await thrown(own)).toBe(own);
    expect(String(await thrown('hunter2'))).not.toContain('hunter2');
    expect(nameOf('hunter2')).toBe('');
  });

  it('is of this one thing where the service refuses what it is, and of the place where it refuses who asks', async () => {
    const refused = translateRefusal(await thrown(answered('ValidationException', 'hunter2')), 'parameter /x: writing');
    expect(refused).toBeInstanceOf(InvalidInputError);
    expect(refused).toMatchObject({ context: {} });
    expect(String(refused)).not.toContain('hunter2');
    expect(translateRefusal(await thrown(answered('AccessDeniedException', 'no')), 'x')).toBeInstanceOf(
      AccessDeniedError,
    );
  });
});

it.each([
  [answered('InvalidKeyId', ''), true],
  [answered('KMS.NotFoundException', ''), true],
  [answered('DecryptionFailure', ''), true],
  [answered('EncryptionFailure', ''), true],
  [answered('AccessDeniedException', 'not authorized to perform: kms:Decrypt'), true],
  [answered('AccessDeniedException', 'The ciphertext refers to a customer master key that does not exist'), true],
  [answered('AccessDeniedException', 'not authorized to perform: ssm:GetParameter'), false],
  [answered('ThrottlingException', 'kms'), false],
  ['kms', false],
])('tells a refusal for a KMS key from another (%#)', (error, expected) => {
  expect(isKeyRefusal(error)).toBe(expected);
});
