/** What AWS takes of one stack, so that a plan file that asks for more is told before anything is deployed, and not half-way. */
import type { Json } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';
import { type Resource, type Resources, ref } from './cloudformation.ts';
import type { VaultTemplate } from './vault-stacks.ts';

/** Of all inline policies of a role together, without white space (IAM user guide, "IAM and AWS STS quotas"). */
const POLICY_CHARACTERS = 10_240;
/** Of one managed policy, and how many of them a role has (same place; the number can be raised). */
export const MANAGED_POLICY_CHARACTERS = 6144;
const MANAGED_POLICIES = 10;
/** Of one template (CloudFormation user guide, "CloudFormation quotas"). */
const STACK_RESOURCES = 500;
/** What serverless.yml and the framework put beside the derived resources, and some to spare. */
export const RESERVED_RESOURCES = 60;
/** Of one template that is sent with the request and not by way of a bucket (CloudFormation API reference, CreateStack). */
const SENT_TEMPLATE_BYTES = 51_200;

const MEND =
  'deploy some of its plans from a file of their own, as another stage (--stage other --param="config=other.yml"), which gets a catalogue of its own and needs the two key parameters of its own; a single plan can be split into two of half the sources each';

/**
 * @param options.restoreTargets how many places the parameter of that name names.
 * @throws InvalidInputError for a role whose policies IAM would refuse, or more resources than a stack holds.
 */
export function assertWithinLimits(resources: Resources, options: { readonly restoreTargets: number }): void {
  const count = Object.keys(resources).length;
  if (count > STACK_RESOURCES - RESERVED_RESOURCES)
    throw new InvalidInputError(
      `the plan file asks for ${count} resources, most of them alarms, and a stack holds ${STACK_RESOURCES}, of which ${RESERVED_RESOURCES} are its own; ${MEND}`,
    );
  for (const [id, { Type, Properties }] of Object.entries(resources)) {
    if (Type !== 'AWS::IAM::Role') continue;
    const characters = charactersOf(Properties.Policies ?? []);
    if (characters > POLICY_CHARACTERS)
      throw new InvalidInputError(
        `${id} would have a policy of up to ${characters} characters, and IAM takes ${POLICY_CHARACTERS}: ${causeAndMend(id, options)}`,
      );
    const policies = Object.values(resources).filter((resource) => isAttached(resource, id)).length;
    if (policies > MANAGED_POLICIES)
      throw new InvalidInputError(
        `${id} would have ${policies} policies beside its own, and IAM attaches ${MANAGED_POLICIES}: ${causeAndMend(id, options)}`,
      );
  }
}

const isAttached = ({ Type, Properties }: Resource, role: string): boolean =>
  Type === 'AWS::IAM::ManagedPolicy' && JSON.stringify(Properties.Roles) === JSON.stringify([ref(role)]);

/** How long a policy, or the list of them, may become once every reference in it is a text. */
export const charactersOf = (policy: Json): number => JSON.stringify(longest(policy)).length;

/** What a restore may write to is the deployer's to name; all else comes of the plan file. */
function causeAndMend(role: string, { restoreTargets }: { readonly restoreTargets: number }): string {
  return role === 'RestoreRole' && restoreTargets > 0
    ? `it is for every vault of the plan file and for ${restoreTargets} places in the parameter restoreTargets; name fewer of these, or one place that holds several; where that is not enough, ${MEND}`
    : `it is for every place of the plan file that the function works on; ${MEND}`;
}

/** @throws InvalidInputError for a region with so many vaults that CloudFormation would not take the template of its stack. */
export function assertTemplatesWithinLimits(templates: ReadonlyMap<string, VaultTemplate>): void {
  for (const [region, template] of templates) {
    const bytes = Buffer.byteLength(JSON.stringify(template));
    if (bytes > SENT_TEMPLATE_BYTES)
      throw new InvalidInputError(
        `the stack of the vaults in ${region} would have a template of ${bytes} bytes, because the plan file names so many of them there, and CloudFormation takes ${SENT_TEMPLATE_BYTES}; make the buckets of some by hand and name their vaults in --param="existingVaults=a,b"`,
      );
  }
}

/** A reference may become as much as the ARN of a table; the regions' names have up to 14 characters, accounts' 12. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'x'.repeat(14),
  'AWS::AccountId': 'x'.repeat(12),
};
const REFERENCE = 'x'.repeat(120);

/** The value with every reference replaced by a text that is at least as long as what it may become. */
function longest(value: Json): Json {
  if (Array.isArray(value)) return value.map(longest);
  if (value === null || typeof value !== 'object') return value;
  const fields = new Map(Object.entries(value));
  const name = fields.get('Ref');
  const join = fields.get('Fn::Join');
  if (typeof name === 'string') return PLACEHOLDERS[name] ?? REFERENCE;
  if (fields.has('Fn::GetAtt')) return REFERENCE;
  if (Array.isArray(join) && Array.isArray(join[1])) return join[1].map(longest).join('');
  return Object.fromEntries([...fields].map(([key, inner]) => [key, longest(inner)]));
}
