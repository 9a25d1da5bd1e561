import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { deployment } from '../../functions/runtime/deploy/deployment.ts';
import { RESERVED_RESOURCES } from '../../functions/runtime/deploy/limits.ts';
import { allStatementsOf, type Packaged, packageService, spell } from './package.ts';
import { planFile, STACK } from './plans.ts';
import { actionsOn, ownArnText } from './policy.ts';

/** A plan of sources in buckets of their own, or in one. */
const planOf = (count: number, { bucket = 'acme-application-uploads', more = '' } = {}) =>
  planFile(`
vaults:
  main: { url: "s3://the-vault" }
  far: { url: "s3://the-far-vault" }
plans:
  app:
    sources: [${Array.from({ length: count }, (_, n) => `"s3://${bucket}${more === '' ? `-${n}` : ''}/public-${n}/"`).join(', ')}]
    vault: main
    replicateTo: [far]
    objectives: { rpo: 90m, rto: 4h }`);

const deployed = (count: number, more?: string) => deployment(planOf(count, more === undefined ? {} : { more }), STACK);

describe('the limits of a stack', () => {
  it('let twenty sources in buckets of their own through', () => {
    expect(() => deployed(20)).not.toThrow();
  });

  it('refuse a policy that IAM would, before anything is deployed, and say the mend', () => {
    expect(() => deployed(50)).toThrow(InvalidInputError);
    expect(() => deployed(50)).toThrow(
      /Role would have a policy of up to \d+ characters.*IAM takes 10240: it is for every place of the plan file/,
    );
  });

  it('say the mend for several plans and for a single one, and what another stage takes', () => {
    expect(() => deployed(50)).toThrow(/deploy some of its plans.*--stage other.*--param="config=other\.yml"/);
    expect(() => deployed(50)).toThrow(/catalogue of its own and needs the two key parameters/);
    expect(() => deployed(50)).toThrow(/a single plan can be split/);
  });

  it('lay it on the places of restores where there are too many of those', () => {
    const restoreTargets = Array.from({ length: 60 }, (_, n) => `s3://acme-application-restores-${n}/`);
    expect(() => deployment(planOf(1), { ...STACK, restoreTargets })).toThrow(
      /RestoreRole.*every vault of the plan file and for 60 places in the parameter restoreTargets; name fewer/,
    );
  });

  it('refuse more resources than CloudFormation takes, and say the mend', () => {
    expect(() => deployed(70, 'in one bucket')).toThrow(/asks for \d+ resources.*holds 500.*deploy some/);
  });
});

describe('what a role may do to tables, parameters, secrets and functions', () => {
  const KINDS = {
    table: (n: number) => ({ uri: `dynamodb://${'t'.repeat(240)}-${n}`, engine: 'export' }),
    parameter: (n: number) => `ssm:///${'p'.repeat(240)}/${n}/`,
    secret: (n: number) => `secretsmanager://${'s'.repeat(240)}/${n}/`,
    function: (n: number) => `lambda://${'f'.repeat(58)}-${n}`,
  };
  const isJoin = (value: unknown): boolean => typeof value === 'object' && value !== null && 'Fn::Join' in value;
  const inAccount = (value: unknown): string =>
    spell(value)
      .replace('<AWS::Partition>', 'aws')
      .replace('<AWS::Region>', 'ap-southeast-1')
      .replace('<AWS::AccountId>', '123456789012');
  const many = (kind: keyof typeof KINDS, count: number) =>
    deployment(
      planFile(`
vaults: { main: { url: "s3://the-vault" } }
plans: { app: { sources: ${JSON.stringify(Array.from({ length: count }, (_, n) => KINDS[kind](n)))}, vault: main } }`),
      STACK,
    ).Resources;

  it.each(['table', 'parameter', 'secret', 'function'] as const)(
    'is divided into policies that IAM takes, however long the names: twenty times a %s',
    (kind) => {
      const policies = Object.values(many(kind, 20)).filter(({ Type }) => Type === 'AWS::IAM::ManagedPolicy');
      expect(policies.length).toBeGreaterThan(0);
      // As IAM counts it, with an account's number and the longest name of a region in place.
      const documents = policies.map(({ Properties }) =>
        JSON.stringify(Properties.PolicyDocument, (_, value: unknown) => (isJoin(value) ? inAccount(value) : value)),
      );
      expect(documents.filter((document) => /Fn::Join|<AWS/.test(document))).toEqual([]);
      expect(documents.filter((document) => document.length > 6144)).toEqual([]);
    },
  );

  it('loses nothing where it is divided', () => {
    const [few, all] = [many('function', 1), many('function', 20)];
    const arn = ownArnText('lambda', `function:${KINDS.function(0).slice('lambda://'.length)}`);
    const last = ownArnText('lambda', `function:${KINDS.function(19).slice('lambda://'.length)}`);
    for (const role of ['TakeInventoryRole', 'TakeSnapshotRole', 'RestoreRole'])
      expect(actionsOn(allStatementsOf(all, role), last)).toEqual(actionsOn(allStatementsOf(few, role), arn));
  });

  it('is refused where it takes more policies than IAM attaches to a role, with the mend', () => {
    expect(() => many('table', 60)).toThrow(
      /Role would have \d+ policies beside its own, and IAM attaches 10: it is for every place.*deploy some/,
    );
  });
});

describe('the template of the vaults in another region', () => {
  const farVaults = (count: number, existingVaults: readonly string[] = []) => {
    const names = Array.from({ length: count }, (_, n) => `far-${n}`);
    const config = planFile(`
vaults:
  main: { url: "s3://the-vault" }
${names.map((name) => `  ${name}: { url: "s3://acme-${name}", region: us-east-1, lock: { mode: compliance, days: 30 } }`).join('\n')}
plans:
  app: { sources: ["s3://the-source/"], vault: main }`);
    return () => deployment(config, { ...STACK, existingVaults }).vaultStacks.templates.get('us-east-1');
  };

  it('holds thirty locked vaults', () => {
    expect(farVaults(30)).not.toThrow();
  });

  it('is refused when CloudFormation would, before anything is deployed, and says the mend', () => {
    expect(farVaults(35)).toThrow(InvalidInputError);
    expect(farVaults(35)).toThrow(
      /vaults in us-east-1 would have a template of \d+ bytes.*takes 51200; make the buckets.*existingVaults/,
    );
  });

  it('is within the limit once the mend is done', () => {
    expect(farVaults(35, ['far-0', 'far-1', 'far-2', 'far-3', 'far-4'])).not.toThrow();
  });

  it('is judged as it is sent: the largest that is let through is just below the limit', () => {
    const counts = Array.from({ length: 40 }, (_, n) => n + 1);
    const largest = counts.filter((count) => {
      try {
        farVaults(count)();
        return true;
      } catch {
        return false;
      }
    });
    const bytes = Buffer.byteLength(JSON.stringify(farVaults(largest.length)()));
    expect(51_200 - bytes).toBeGreaterThanOrEqual(0);
    expect(51_200 - bytes).toBeLessThan(bytes / largest.length);
  });
});

describe('what is reserved', () => {
  let packaged: Packaged;
  beforeAll(async () => {
    packaged = await packageService();
  }, 180_000);
  afterAll(() => packaged?.remove());

  it('is enough for all that is not derived from the plan file', () => {
    const all = Object.keys(packaged.template.Resources);
    // Logical ids of derived resources end in a hash, or are those of roles and their policies and of alarms on the stack itself.
    const own = all.filter((id) => !/[0-9a-f]{16}$|Alarm$|Policy\d+$/.test(id));
    expect(own.length).toBeGreaterThan(20);
    expect(own.length).toBeLessThanOrEqual(RESERVED_RESOURCES);
  });
});
