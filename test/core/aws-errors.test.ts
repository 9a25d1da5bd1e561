import { describe, expect, it } from 'vitest';
import { httpStatusOf, translateAwsError } from '../../functions/core/aws-errors.ts';
import {
  AccessDeniedError,
  BackupError,
  ConflictError,
  IntegrityError,
  InvalidInputError,
  NotFoundError,
  TransientError,
} from '../../functions/core/errors.ts';

const WHAT = 's3://acme-vault/: reading holdfast.json';

/** As the SDK throws it: an Error with a name and, when there was an answer, `$metadata`. */
function vendorError(name: string, status?: number, message = 'said the service'): Error {
  return Object.assign(new Error(message), {
    name,
    ...(status === undefined ? {} : { $metadata: { httpStatusCode: status, requestId: 'REQ1' } }),
  });
}

/** As Node throws it when no answer came. */
function nodeError(code: string, rest: object = {}): Error {
  return Object.assign(new Error(`connect ${code}`), { code, ...rest });
}

function translated(error: unknown): BackupError {
  const result = translateAwsError(error, WHAT);
  if (!(result instanceof BackupError)) throw new Error(`not translated: ${String(result)}`);
  return result;
}

describe('translateAwsError', () => {
  it.each([
    ['SlowDown', 503],
    ['Throttling', 400],
    ['ThrottlingException', 400],
    ['ThrottledException', 400],
    ['RequestThrottled', 400],
    ['RequestThrottledException', 400],
    ['TooManyRequestsException', 429],
    ['ProvisionedThroughputExceededException', 400],
    ['RequestLimitExceeded', 400],
    ['BandwidthLimitExceeded', 509],
    ['LimitExceededException', 400],
    ['KMS.ThrottlingException', 400],
  ])('takes %s for a throttle', (name, status) => {
    expect(translated(vendorError(name, status))).toBeInstanceOf(TransientError);
    expect(translated(vendorError(name, status)).message).toContain('fewer requests');
  });

  it.each([
    ['InternalError', 500],
    ['InternalServerError', 500],
    ['InternalFailure', 500],
    ['InternalServiceError', 500],
    ['ServiceUnavailable', 503],
    ['ServiceUnavailableException', 503],
    ['OperationAborted', 409],
    ['UnknownError', 500],
    ['UnknownError', 502],
    ['UnknownError', 503],
    ['GatewayTimeout', 504],
  ])('takes %s with status %i for a service that fails for now', (name, status) => {
    expect(translated(vendorError(name, status))).toBeInstanceOf(TransientError);
    expect(translated(vendorError(name, status)).message).toContain('failing for now');
  });

  it.each([
    ['RequestTimeout', 400],
    ['RequestTimeoutException', 400],
    ['TimeoutError', undefined],
    ['IncompleteBody', 400],
    ['BadDigest', 400],
    ['TooManyUpdates', 400],
    ['UnknownError', 429],
  ])('takes %s with status %s for transient', (name, status) => {
    expect(translated(vendorError(name, status))).toBeInstanceOf(TransientError);
  });

  it.each([
    'ECONNRESET',
    'EPIPE',
    'ERR_STREAM_PREMATURE_CLOSE',
    'ETIMEDOUT',
    'ECONNREFUSED',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'EAI_AGAIN',
  ])('takes %s for transient', (code) => {
    expect(translated(nodeError(code))).toBeInstanceOf(TransientError);
  });

  it.each([
    ['AccessDenied', 403],
    ['AccessDeniedException', 400],
    ['AllAccessDisabled', 403],
    ['AccountProblem', 403],
    ['UnauthorizedAccess', 403],
    ['Forbidden', 403],
    ['UnknownError', 401],
    ['UnknownError', 403],
    ['403', 403],
    ['InvalidAccessKeyId', 403],
    ['SignatureDoesNotMatch', 403],
    ['InvalidSignatureException', 400],
    ['UnrecognizedClientException', 400],
    ['InvalidClientTokenId', 403],
    ['InvalidToken', 400],
    ['MissingAuthenticationToken', 403],
    ['MissingAuthenticationTokenException', 400],
    ['AuthFailure', 401],
    ['ExpiredToken', 400],
    ['ExpiredTokenException', 400],
    ['TokenRefreshRequired', 400],
    ['RequestExpired', 400],
    ['RequestTimeTooSkewed', 403],
    ['InvalidObjectState', 403],
    ['CredentialsProviderError', undefined],
    ['TokenProviderError', undefined],
    ['NotAuthorizedForSourceException', undefined],
    ['NotAuthorizedForDetailTypeException', undefined],
    ['OptInRequired', 403],
    ['NotSignedUp', 403],
    ['RegionDisabledException', 403],
    ['KMS.DisabledException', 400],
    ['KMS.NotFoundException', 400],
    ['KMS.KMSInvalidStateException', 400],
    ['KMS.InvalidKeyUsageException', 400],
    ['InvalidKeyId', 400],
    ['DecryptionFailure', 400],
    ['EncryptionFailure', 400],
  ])('takes %s with status %s for denied access', (name, status) => {
    expect(translated(vendorError(name, status))).toBeInstanceOf(AccessDeniedError);
  });

  it('takes a resource that is there already, or is being changed, for a conflict', () => {
    expect(translated(vendorError('ResourceConflictException', 409))).toBeInstanceOf(ConflictError);
  });

  it.each([
    ['InvalidParameterValueException', 400],
    ['CodeStorageExceededException', 400],
    ['PolicyLengthExceededException', 400],
  ])('takes %s for invalid input', (name, status) => {
    expect(translated(vendorError(name, status))).toBeInstanceOf(InvalidInputError);
  });

  it.each([
    ['NoSuchBucket', 404],
    ['NoSuchKey', 404],
    ['NoSuchVersion', 404],
    ['NotFound', 404],
    ['ResourceNotFoundException', 400],
    ['TableNotFoundException', 400],
    ['ParameterNotFound', 400],
    ['ParameterVersionNotFound', 400],
  ])('takes %s for known to be absent', (name, status) => {
    expect(translated(vendorError(name, status))).toBeInstanceOf(NotFoundError);
  });

  it.each([
    'InvalidParameterException',
    'InvalidRequestException',
    'MalformedPolicyDocumentException',
    'PublicPolicyException',
    'PreconditionNotMetException',
    'HierarchyLevelLimitExceededException',
    'HierarchyTypeMismatchException',
    'UnsupportedParameterType',
    'InvalidAllowedPatternException',
    'ParameterPatternMismatchException',
    'ParameterLimitExceeded',
    'ParameterMaxVersionLimitExceeded',
    'ParameterVersionLabelLimitExceeded',
    'IncompatiblePolicyException',
    'InvalidPolicyAttributeException',
    'InvalidPolicyTypeException',
    'PoliciesLimitExceededException',
  ])('takes %s for input that the service can never take', (name) => {
    expect(translated(vendorError(name, 400))).toBeInstanceOf(InvalidInputError);
  });

  it.each(['ParameterAlreadyExists', 'ResourceExistsException'])(
    'takes %s for something else that is there',
    (name) => {
      expect(translated(vendorError(name, 400))).toBeInstanceOf(ConflictError);
    },
  );

  it.each([
    ['PermanentRedirect', 301],
    ['AuthorizationHeaderMalformed', 400],
    ['TemporaryRedirect', 307],
    ['IllegalLocationConstraintException', 400],
    ['UnknownError', 301],
    ['UnknownError', 307],
  ])('takes %s with status %i for a wrong region', (name, status) => {
    expect(translated(vendorError(name, status))).toBeInstanceOf(InvalidInputError);
    expect(translated(vendorError(name, status)).message).toContain('region');
  });

  it.each([
    nodeError('ENOTFOUND', { hostname: 'acme.s3.eu-west-9.amazonaws.com' }),
    nodeError('ERR_INVALID_URL'),
    vendorError('EndpointError'),
    vendorError('InvalidBucketName', 400),
    new Error('Region not accepted: region="eu west" is not a valid hostname component.'),
    new Error('Region is missing'),
  ])('takes an address that leads nowhere for a setting that is wrong (%s)', (error) => {
    expect(translated(error)).toBeInstanceOf(InvalidInputError);
  });

  it('names the host that is not there, and the setting that it comes from', () => {
    const message = translated(nodeError('ENOTFOUND', { hostname: 'acme.s3.eu-west-9.amazonaws.com' })).message;
    expect(message).toContain('acme.s3.eu-west-9.amazonaws.com');
    expect(message).toContain('check the region');
  });

  it('takes a checksum that does not match for a lack of integrity', () => {
    const error = new Error(
      'Checksum mismatch: expected "a" but received "b" in response header "x-amz-checksum-crc32".',
    );
    expect(translated(error)).toBeInstanceOf(IntegrityError);
  });

  it.each([
    ['ConditionalCheckFailedException', 400],
    ['PreconditionFailed', 412],
    ['ConditionalRequestConflict', 409],
    ['ValidationException', 400],
    ['InvalidRange', 416],
    ['NoSuchLifecycleConfiguration', 404],
    ['UnknownError', 404],
    ['NotImplemented', 501],
    ['TypeError', undefined],
  ])('lets %s with status %s pass untouched', (name, status) => {
    const error = vendorError(name, status);
    expect(translateAwsError(error, WHAT)).toBe(error);
  });

  it.each([undefined, null, 'text', 7, {}])('lets %j pass untouched', (thrown) => {
    expect(translateAwsError(thrown, WHAT)).toBe(thrown);
  });

  it('lets an error that is translated already pass untouched', () => {
    const error = new ConflictError('run 1 is active');
    expect(translateAwsError(error, WHAT)).toBe(error);
  });

  it('keeps the cause, and names what was done and the words of the service', () => {
    const cause = vendorError(
      'AccessDenied',
      403,
      'User: arn:aws:iam::1:role/x is not authorized to perform: s3:GetObject',
    );
    const error = translated(cause);
    expect(error.cause).toBe(cause);
    expect(error.message).toContain(WHAT);
    expect(error.message).toContain('not authorized to perform: s3:GetObject');
    expect(error.context).toEqual({ awsError: 'AccessDenied', httpStatus: 403, requestId: 'REQ1' });
  });

  it('takes the code of a connection over the name that the SDK gives it', () => {
    const error = translated(Object.assign(nodeError('ECONNRESET'), { name: 'TimeoutError' }));
    expect(error.message).toContain('the connection broke');
  });

  it.each([
    [nodeError('ECONNREFUSED', { address: '127.0.0.1', port: 9000 }), '127.0.0.1:9000'],
    [nodeError('ECONNREFUSED', { address: '::1', port: 9000 }), '[::1]:9000'],
    [nodeError('EAI_AGAIN', { hostname: 's3.nowhere.amazonaws.com' }), 's3.nowhere.amazonaws.com'],
    [
      new AggregateError([nodeError('ECONNREFUSED', { address: '::1', port: 9000 }), nodeError('ECONNREFUSED')], ''),
      'at [::1]:9000: connect ECONNREFUSED',
    ],
  ])('names the endpoint that did not answer (%#)', (error, endpoint) => {
    expect(translated(error)).toBeInstanceOf(TransientError);
    expect(translated(error).message).toContain(endpoint);
  });
});

describe('httpStatusOf', () => {
  it('gives the status of an answer, and nothing when there was none', () => {
    expect(httpStatusOf(vendorError('PreconditionFailed', 412))).toBe(412);
    expect(httpStatusOf(nodeError('ECONNRESET'))).toBeUndefined();
    expect(httpStatusOf(undefined)).toBeUndefined();
  });
});
