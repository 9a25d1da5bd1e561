/**
 * The table by which AWS's errors (S3, DynamoDB, and the services beside them) are classed. Vendor errors are read by their shape, so that nothing here needs an SDK.
 */
import {
  AccessDeniedError,
  type BackupError,
  ConflictError,
  type ErrorDetails,
  InvalidInputError,
  NotFoundError,
  TransientError,
} from './errors.ts';

/** The error, and what it means to a person, with the mend. */
export type Row = readonly [error: new (message: string, details: ErrorDetails) => BackupError, meaning: string];

export const THROTTLED: Row = [TransientError, 'the service asks for fewer requests; try again later'];
export const UNAVAILABLE: Row = [TransientError, 'the service is failing for now; try again later'];
const SLOW: Row = [TransientError, 'the service did not answer in time; try again later'];
const DROPPED: Row = [TransientError, 'the connection broke; try again later'];
export const DENIED: Row = [AccessDeniedError, 'access is denied; grant the action to these credentials'];
const BAD_KEY: Row = [
  AccessDeniedError,
  'the credentials are not accepted; check the access key, its secret, and that the account has enabled the region',
];
const EXPIRED: Row = [AccessDeniedError, 'the credentials have expired; renew them'];
const NO_CREDENTIALS: Row = [AccessDeniedError, 'there are no usable AWS credentials; sign in, or set AWS_PROFILE'];
const NOT_ENABLED: Row = [AccessDeniedError, 'the account has not enabled this service or region; enable it first'];
// Never NotFoundError, by which a verification would take the recovery point for damaged: the key may come back.
const NO_KMS_KEY: Row = [
  AccessDeniedError,
  'its KMS key cannot be used; enable the key, and grant kms:Decrypt and kms:GenerateDataKey to these credentials',
];
export const OTHER_REGION: Row = [InvalidInputError, 'it is in another region; set the region that it is in'];
const BAD_POLICY: Row = [InvalidInputError, 'the service takes no such policy; correct it'];
const BAD_POLICIES = [
  ...['MalformedPolicyDocumentException', 'IncompatiblePolicyException', 'InvalidPolicyAttributeException'],
  ...['InvalidPolicyTypeException', 'PoliciesLimitExceededException'],
];
const EXISTS: Row = [ConflictError, 'something else is there already; look at it there'];
export const NO_ENDPOINT: Row = [
  InvalidInputError,
  'no address can be made of the region and the endpoint; correct them',
];

/** By the error's name (S3's `Code`, DynamoDB's `__type`): S3 API reference "Error responses", DynamoDB guide "Error handling". */
export const BY_NAME: ReadonlyMap<string, Row> = new Map<string, Row>([
  ['SlowDown', THROTTLED],
  ['Throttling', THROTTLED],
  ['ThrottlingException', THROTTLED],
  ['ThrottledException', THROTTLED],
  ['RequestThrottled', THROTTLED],
  ['RequestThrottledException', THROTTLED],
  ['TooManyRequestsException', THROTTLED],
  ['ProvisionedThroughputExceededException', THROTTLED],
  ['RequestLimitExceeded', THROTTLED],
  ['BandwidthLimitExceeded', THROTTLED],
  ['LimitExceededException', THROTTLED],
  ['KMS.ThrottlingException', THROTTLED],
  ['InternalError', UNAVAILABLE],
  ['InternalServerError', UNAVAILABLE],
  ['InternalFailure', UNAVAILABLE],
  ['InternalServiceError', UNAVAILABLE],
  ['ServiceUnavailable', UNAVAILABLE],
  ['ServiceUnavailableException', UNAVAILABLE],
  ['OperationAborted', UNAVAILABLE],
  ['TooManyUpdates', [TransientError, 'others are changing it at the same time; try again later']],
  ['RequestTimeout', SLOW],
  ['RequestTimeoutException', SLOW],
  ['TimeoutError', SLOW],
  ['IncompleteBody', DROPPED],
  ['BadDigest', [TransientError, 'the bytes arrived damaged; try again']],
  ['AccessDenied', DENIED],
  ['AccessDeniedException', DENIED],
  ['AllAccessDisabled', DENIED],
  ['AccountProblem', DENIED],
  ['UnauthorizedAccess', DENIED],
  ['Forbidden', DENIED],
  ['NotAuthorizedForSourceException', DENIED],
  ['NotAuthorizedForDetailTypeException', DENIED],
  ['OptInRequired', NOT_ENABLED],
  ['NotSignedUp', NOT_ENABLED],
  ['RegionDisabledException', NOT_ENABLED],
  ['KMS.DisabledException', NO_KMS_KEY],
  ['KMS.NotFoundException', NO_KMS_KEY],
  ['KMS.KMSInvalidStateException', NO_KMS_KEY],
  ['KMS.InvalidKeyUsageException', NO_KMS_KEY],
  ['InvalidKeyId', NO_KMS_KEY],
  ['DecryptionFailure', NO_KMS_KEY],
  ['EncryptionFailure', NO_KMS_KEY],
  ['InvalidAccessKeyId', BAD_KEY],
  ['SignatureDoesNotMatch', BAD_KEY],
  ['InvalidSignatureException', BAD_KEY],
  ['UnrecognizedClientException', BAD_KEY],
  ['InvalidClientTokenId', BAD_KEY],
  ['InvalidToken', BAD_KEY],
  ['MissingAuthenticationTokenException', BAD_KEY],
  ['MissingAuthenticationToken', BAD_KEY],
  ['AuthFailure', BAD_KEY],
  ['ExpiredToken', EXPIRED],
  ['ExpiredTokenException', EXPIRED],
  ['TokenRefreshRequired', EXPIRED],
  ['RequestExpired', EXPIRED],
  ['RequestTimeTooSkewed', [AccessDeniedError, 'the clock of this machine is off; set it']],
  ['InvalidObjectState', [AccessDeniedError, 'it is in an archive class; bring it back from there first']],
  ['CredentialsProviderError', NO_CREDENTIALS],
  ['TokenProviderError', NO_CREDENTIALS],
  ['PermanentRedirect', OTHER_REGION],
  ['TemporaryRedirect', OTHER_REGION],
  ['AuthorizationHeaderMalformed', OTHER_REGION],
  ['IllegalLocationConstraintException', OTHER_REGION],
  ['InvalidBucketName', [InvalidInputError, 'this is no name of a bucket; correct it']],
  ['EndpointError', NO_ENDPOINT],
  ['InvalidParameterException', [InvalidInputError, 'the service takes no such value; correct it']],
  [
    'InvalidRequestException',
    [InvalidInputError, 'the service refuses it in the state that it is in; look at it there'],
  ],
  ...BAD_POLICIES.map((name): [string, Row] => [name, BAD_POLICY]),
  ['PublicPolicyException', [InvalidInputError, 'its policy lets everybody in; narrow the policy']],
  ['PreconditionNotMetException', [InvalidInputError, 'something that it needs is not there; make that first']],
  ['HierarchyLevelLimitExceededException', [InvalidInputError, 'its name has more than 15 levels; use a shorter path']],
  [
    'HierarchyTypeMismatchException',
    [InvalidInputError, 'a parameter of another type is there, and SSM changes no type; delete that one first'],
  ],
  ['UnsupportedParameterType', [InvalidInputError, 'SSM has no such type of parameter; correct it']],
  ['InvalidAllowedPatternException', [InvalidInputError, 'its allowed pattern is no regular expression; correct it']],
  ['ParameterPatternMismatchException', [InvalidInputError, 'SSM takes no such name, or its pattern no such value']],
  ['ParameterLimitExceeded', [InvalidInputError, 'the account holds no more parameters; delete some']],
  [
    'ParameterMaxVersionLimitExceeded',
    [InvalidInputError, 'it has 100 versions and the oldest has a label; move the label to a newer one'],
  ],
  ['ParameterVersionLabelLimitExceeded', [InvalidInputError, 'a version has 10 labels at most; remove some']],
  ['ParameterAlreadyExists', EXISTS],
  ['ResourceExistsException', EXISTS],
  ['NoSuchBucket', [NotFoundError, 'there is no such bucket; check its name, or create it']],
  ['NoSuchKey', [NotFoundError, 'it is not there']],
  ['NoSuchVersion', [NotFoundError, 'this version is not there']],
  ['NotFound', [NotFoundError, 'it is not there']],
  [
    'ResourceConflictException',
    [ConflictError, 'it is there already, or another change of it is under way; try again when it rests'],
  ],
  ['InvalidParameterValueException', [InvalidInputError, 'a value is not accepted; correct what the service names']],
  [
    'CodeStorageExceededException',
    [
      InvalidInputError,
      'the account holds as much code as it may; delete old versions of functions and layers, or raise the quota',
    ],
  ],
  [
    'PolicyLengthExceededException',
    [InvalidInputError, 'the resource policy is longer than it may be; join its statements'],
  ],
  ['ResourceNotFoundException', [NotFoundError, 'there is no such resource; check its name and the region']],
  ['ExportNotFoundException', [NotFoundError, 'there is no such export any more; run again']],
  [
    'PointInTimeRecoveryUnavailableException',
    [InvalidInputError, 'point-in-time recovery is off for the table; switch it on'],
  ],
  ['ParameterNotFound', [NotFoundError, 'there is no such parameter; check its name and the region']],
  ['ParameterVersionNotFound', [NotFoundError, 'this version of the parameter is not there']],
  ['TableNotFoundException', [NotFoundError, 'there is no such table; check its name and the region']],
]);

/** By the code of Node's own error, when no answer came at all. */
export const BY_CODE: ReadonlyMap<string, Row> = new Map<string, Row>([
  ['ECONNRESET', DROPPED],
  ['EPIPE', DROPPED],
  ['ERR_STREAM_PREMATURE_CLOSE', DROPPED],
  ['ETIMEDOUT', SLOW],
  ['ECONNREFUSED', [TransientError, 'nothing listens there; check the endpoint, then try again']],
  ['EHOSTUNREACH', [TransientError, 'the network does not reach it; check the connection, then try again']],
  ['ENETUNREACH', [TransientError, 'the network does not reach it; check the connection, then try again']],
  // DNS has answered that there is no such name, which waiting does not change; not NotFoundError, since nothing is known of what is there.
  ['ENOTFOUND', [InvalidInputError, 'there is no host of that name; check the region, the endpoint and the network']],
  ['ERR_INVALID_URL', NO_ENDPOINT],
  ['EAI_AGAIN', [TransientError, 'DNS did not answer; try again later']],
]);
