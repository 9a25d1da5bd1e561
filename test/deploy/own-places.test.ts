import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { type DeploymentOptions, deployment } from '../../functions/runtime/deploy/deployment.ts';
import { allStatementsOf } from './package.ts';
import { onePlan, planFile, STACK } from './plans.ts';
import { actionsOn, ownArnText } from './policy.ts';

const deploy = (source: string, options: Partial<DeploymentOptions> = {}) =>
  deployment(onePlan({ source }), { ...STACK, ...options });

const KEY = ownArnText('ssm', 'parameter/holdfast/test/key/read');

describe('the key that opens the backups', () => {
  it.each([
    'ssm://',
    'ssm:///',
    'ssm:///h',
    'ssm:///holdfast',
    'ssm:///holdfast/',
    'ssm:///holdfast/test/key/read',
    'ssm:///holdfast/prod/key/',
    'ssm://hold',
    'ssm://holdfast/test',
  ])('is in no source: %s is refused, with the mend', (source) => {
    expect(() => deploy(source)).toThrow(InvalidInputError);
    expect(() => deploy(source)).toThrow(/covers the parameters below \/holdfast\/.*name the paths of your own/);
  });

  it.each(['ssm:///acme/', 'ssm:///holdfast-app/', 'ssm:///acme/holdfast/', 'ssm://acme'])(
    '%s does not cover it',
    (source) => {
      expect(() => deploy(source)).not.toThrow();
    },
  );

  it('is read by no function that backs up and written by none that restores, whatever path is a source or a target', () => {
    const name = fc.string({ unit: fc.constantFrom('/', 'h', 'o', 'holdfast', 'test', 'key', '-'), maxLength: 8 });
    fc.assert(
      fc.property(name, (prefix) => {
        let resources: ReturnType<typeof deploy>['Resources'];
        try {
          resources = deploy(`ssm://${prefix}`).Resources;
        } catch (error) {
          if (error instanceof InvalidInputError) return;
          throw error;
        }
        for (const role of ['TakeInventoryRole', 'TakeSnapshotRole', 'CommitSnapshotRole', 'ReplicateRole'])
          expect(actionsOn(allStatementsOf(resources, role), KEY)).toEqual([]);
        for (const role of ['VerifyRole', 'RestoreRole'])
          expect(actionsOn(allStatementsOf(resources, role), KEY)).toEqual(['ssm:GetParameter']);
      }),
    );
  });
});

describe('the catalogue of the stack', () => {
  it('is no source by the name that CloudFormation gives it', () => {
    expect(() => deploy('dynamodb://holdfast-test-CatalogueTable-1ABCDEF')).toThrow(
      /is the catalogue of the stack itself/,
    );
  });

  it('is no source by the name in the plan file', () => {
    const config = planFile(`
catalogue: dynamodb://the-catalogue
vaults: { main: { url: "s3://the-vault" } }
plans: { app: { sources: ["dynamodb://the-catalogue"], vault: main } }`);
    expect(() => deployment(config, STACK)).toThrow(/is the catalogue of the stack itself.*catalogue rebuild/);
  });

  it('is no target', () => {
    const restoreTargets = ['dynamodb://holdfast-test-CatalogueTable-1ABCDEF'];
    expect(() => deploy('dynamodb://orders', { restoreTargets })).toThrow(/into which nothing is restored/);
  });

  it('of another stage is a table like any other', () => {
    expect(() => deploy('dynamodb://holdfast-prod-CatalogueTable-1ABCDEF')).not.toThrow();
  });
});

describe('where verifications restore to', () => {
  it.each(['dynamodb://holdfast-sandbox-a1', 'ssm:///holdfast-sandbox/', 'secretsmanager://holdfast-sandbox/a/'])(
    '%s is no source',
    (source) => {
      expect(() => deploy(source)).toThrow(/verifications put what they restore/);
    },
  );
});

describe('a target', () => {
  it.each([
    's3://elsewhere/',
    'dynamodb://orders-again',
    'ssm:///again/',
    'secretsmanager://again/',
    'lambda://again-*',
  ])('may be %s', (target) => {
    expect(() => deploy('s3://the-source/', { restoreTargets: [target] })).not.toThrow();
  });

  it.each([
    ['file:///home', /on a disk, which a Lambda function does not reach/],
    ['ssm:///holdfast/', /write over the stack's own keys.*restoreTargets/],
    ['lambda://holdfast-test-restore', /write over the stack's own functions.*restoreTargets/],
    ['lambda://hold*', /write over the stack's own functions.*restoreTargets/],
  ])('cannot be %s', (target, refusal) => {
    expect(() => deploy('s3://the-source/', { restoreTargets: [target] })).toThrow(refusal);
  });

  it('must be named where the sources hold the functions of the stack', () => {
    expect(() => deploy('lambda://*')).toThrow(/write over the stack's own functions/);
    expect(() => deploy('lambda://*', { restoreTargets: ['lambda://acme-*'] })).not.toThrow();
  });
});

describe('a role that a restored function may be given', () => {
  it.each(['*', 'arn:aws:iam::123456789012:role/*', 'acme-role', 'arn:aws:iam::123456789012:user/a'])(
    'cannot be %s',
    (role) => {
      expect(() => deployment(onePlan(), { ...STACK, passRoles: [role] })).toThrow(/passRoles.*not the ARN of a role/);
    },
  );
});
