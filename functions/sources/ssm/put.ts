/** PutParameter: the value of a parameter and all that belongs to a version, in one request. */
import {
  type ParameterTier,
  PutParameterCommand,
  type PutParameterCommandInput,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import * as z from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Json } from '../../core/entry.ts';
import { IntegrityError, InvalidInputError } from '../../core/errors.ts';
import { present, type TagChanges } from '../config-attributes.ts';
import { isKeyRefusal, nameOf, sendWithheld } from '../withheld-words.ts';
import type { ParameterAttributes } from './parameter.ts';

export interface ParameterToWrite {
  readonly name: string;
  readonly value: string;
  readonly wanted: ParameterAttributes;
}

export interface CurrentParameter {
  readonly attributes: ParameterAttributes;
  readonly version: number;
  /** Undefined where it is not known to be of this version. */
  readonly value: string | undefined;
}

export interface PutResult {
  readonly version: number;
  readonly written: boolean;
  readonly notHeld: readonly string[];
}

const DEFAULT_KEY = 'alias/aws/ssm';
/** A larger value needs the advanced tier (PutParameter, `Tier`). */
const STANDARD_BYTES = 4096;
const POLICY_REFUSALS: ReadonlySet<string> = new Set([
  'IncompatiblePolicyException',
  'InvalidPolicyAttributeException',
  'InvalidPolicyTypeException',
  'PoliciesLimitExceededException',
]);

/** Writes a new version unless the latest is equal. Tags go along with a parameter that is new; to one that is there SSM takes them apart. */
export async function putParameter(
  client: SSMClient,
  asked: ParameterToWrite,
  found: CurrentParameter | undefined,
  tags: TagChanges['add'],
): Promise<PutResult> {
  const job = { ...asked, wanted: withoutExpired(asked.wanted) };
  const tier = tierOf(job, found);
  const notHeld = [
    ...(tier !== job.wanted.tier && job.wanted.tier === 'Standard' ? ['tier'] : []),
    ...(job.wanted === asked.wanted ? [] : ['policies']),
  ];
  if (found !== undefined && isEqual(job, found, tier)) return { version: found.version, written: false, notHeld };
  const put = (policies: readonly Json[]) =>
    send(client, job.wanted.keyId, inputOf(job, found, { tier, tags, policies }));
  try {
    return { version: await put(job.wanted.policies ?? []), written: true, notHeld };
  } catch (error) {
    if (!POLICY_REFUSALS.has(nameOf(error)) || job.wanted.policies === undefined) throw error;
    return { version: await put([]), written: true, notHeld: [...new Set([...notHeld, 'policies'])] };
  }
}

async function send(client: SSMClient, keyId: string | undefined, input: PutParameterCommandInput): Promise<number> {
  try {
    const { Version } = await sendWithheld(() => client.send(new PutParameterCommand(input)));
    if (Version === undefined)
      throw new IntegrityError(`parameter ${input.Name}: SSM answered without a version; restore it again`);
    return Version;
  } catch (error) {
    if (keyId === undefined || !isKeyRefusal(error)) throw error;
    throw new InvalidInputError(
      `parameter ${input.Name}: not written, since its KMS key ${keyId} cannot be used here (${nameOf(error)}) and another would protect it less; make a key of that id or alias, or grant kms:Encrypt on it`,
      { cause: error },
    );
  }
}

function inputOf(
  { name, value, wanted }: ParameterToWrite,
  found: CurrentParameter | undefined,
  rest: {
    readonly tier: ParameterTier | undefined;
    readonly tags: TagChanges['add'];
    readonly policies: readonly Json[];
  },
): PutParameterCommandInput {
  const { tier, tags, policies } = rest;
  const before = found?.attributes;
  // What is not sent stays as it is, so that what must go is sent empty.
  const cleared = (now: string | undefined, was: string | undefined) => now ?? (was === undefined ? undefined : '');
  const optional = present({
    KeyId: wanted.parameterType === 'SecureString' ? (wanted.keyId ?? DEFAULT_KEY) : undefined,
    Description: cleared(wanted.description, before?.description),
    AllowedPattern: cleared(wanted.allowedPattern, before?.allowedPattern),
    DataType: wanted.dataType ?? (before?.dataType === undefined ? undefined : 'text'),
    Policies: policiesText(policies, before?.policies),
  });
  return {
    Name: name,
    Value: value,
    Type: wanted.parameterType,
    ...optional,
    ...(tier === undefined ? {} : { Tier: tier }),
    ...(found === undefined ? (tags.length === 0 ? {} : { Tags: [...tags] }) : { Overwrite: true }),
  };
}

const expirationSchema = z.looseObject({
  Type: z.literal('Expiration'),
  Attributes: z.looseObject({ Timestamp: z.iso.datetime({ offset: true }) }),
});

/** A parameter whose time is over would be deleted as soon as it is back, or not be taken at all; notices of that time go with it. */
function withoutExpired(wanted: ParameterAttributes): ParameterAttributes {
  const isOver = (policy: Json): boolean => {
    const expiration = expirationSchema.safeParse(policy).data;
    return expiration !== undefined && Date.parse(expiration.Attributes.Timestamp) <= Date.now();
  };
  const { policies = [], ...rest } = wanted;
  if (!policies.some(isOver)) return wanted;
  const left = policies.filter((policy) => !isOver(policy) && !isNotice(policy));
  return left.length === 0 ? rest : { ...rest, policies: left };
}

const isNotice = (policy: Json): boolean =>
  z.looseObject({ Type: z.literal('ExpirationNotification') }).safeParse(policy).success;

/** A JSON array; one of an empty policy removes those that are there (Systems Manager user guide, "Assigning parameter policies"). */
function policiesText(policies: readonly Json[], before: readonly Json[] | undefined): string | undefined {
  if (policies.length > 0) return canonicalJson(policies);
  return before === undefined ? undefined : '[{}]';
}

/** An advanced parameter cannot be made a standard one again. */
function tierOf({ value, wanted }: ParameterToWrite, found: CurrentParameter | undefined): ParameterTier | undefined {
  if (found?.attributes.tier === 'Advanced') return 'Advanced';
  return wanted.tier ?? (Buffer.byteLength(value) > STANDARD_BYTES ? 'Advanced' : undefined);
}

function isEqual(
  { value, wanted }: ParameterToWrite,
  found: CurrentParameter,
  tier: ParameterTier | undefined,
): boolean {
  const versioned = ({ tags, labels, ...rest }: ParameterAttributes) => canonicalJson(present(rest));
  const asked = { ...wanted, tier: tier ?? found.attributes.tier };
  return value === found.value && versioned(asked) === versioned(found.attributes);
}
