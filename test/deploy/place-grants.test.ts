/** What functions may do to sources, targets and sandboxes of each kind. */
import { describe, expect, it } from 'vitest';
import { deployment } from '../../functions/runtime/deploy/deployment.ts';
import { FUNCTION_NAMES, type FunctionName, pascalCase } from '../../functions/runtime/deploy/function-names.ts';
import { allStatementsOf } from './package.ts';
import { planFile, STACK } from './plans.ts';
import { actionsOn, actionsOnAll, ownArnText } from './policy.ts';

const SOURCES = [
  'dynamodb://orders',
  'ssm:///acme/prod/',
  'secretsmanager://acme/',
  'lambda://acme-*',
  'lambda://lone',
];

function rolesOf({
  sources = SOURCES,
  restoreTargets = [],
  passRoles = [],
}: {
  readonly sources?: readonly unknown[];
  readonly restoreTargets?: readonly string[];
  readonly passRoles?: readonly string[];
} = {}) {
  const config = planFile(`
vaults: { main: { url: "s3://main-vault" } }
plans: { app: { sources: ${JSON.stringify(sources)}, vault: main } }`);
  const { Resources } = deployment(config, { ...STACK, restoreTargets, passRoles });
  return (name: FunctionName) => allStatementsOf(Resources, `${pascalCase(name)}Role`);
}

const roleOf = rolesOf();

/** One thing of each source, and one beside it that is nobody's. */
const THINGS = {
  table: [ownArnText('dynamodb', 'table/orders'), ownArnText('dynamodb', 'table/orders-2')],
  parameter: [ownArnText('ssm', 'parameter/acme/prod/a'), ownArnText('ssm', 'parameter/acme/test/a')],
  secret: [ownArnText('secretsmanager', 'secret:acme/a-AbCdEf'), ownArnText('secretsmanager', 'secret:acme-a-AbCdEf')],
  functions: [ownArnText('lambda', 'function:acme-a:7'), ownArnText('lambda', 'function:acm:7')],
  'one function': [ownArnText('lambda', 'function:lone:live'), ownArnText('lambda', 'function:lonely')],
} as const;
const THING_NAMES = ['table', 'parameter', 'secret', 'functions', 'one function'] as const;

const READS = /^\w+:(Get|List|Describe|Scan)/;

describe('a function that does not work on sources', () => {
  const OTHERS = ['start-run', 'commit-snapshot', 'replicate', 'verify', 'record-failure', 'finish-run'] as const;
  it.each(OTHERS.flatMap((name) => THING_NAMES.map((thing) => [name, thing] as const)))(
    '%s may do nothing to a %s',
    (name, thing) => {
      expect(actionsOn(roleOf(name), THINGS[thing][0])).toEqual([]);
    },
  );
});

describe('a function that backs up', () => {
  it.each(
    (['take-inventory', 'take-snapshot'] as const).flatMap((name) =>
      THING_NAMES.map((thing) => [name, thing] as const),
    ),
  )('%s changes nothing in a %s', (name, thing) => {
    expect(actionsOn(roleOf(name), THINGS[thing][0]).filter((action) => !READS.test(action))).toEqual([]);
  });

  it('take-inventory reads tables, and of all else only what there is', () => {
    expect(actionsOn(roleOf('take-inventory'), THINGS.table[0])).toContain('dynamodb:Scan');
    for (const thing of ['parameter', 'secret'] as const)
      expect(actionsOn(roleOf('take-inventory'), THINGS[thing][0])).toEqual([]);
    for (const thing of ['functions', 'one function'] as const)
      expect(actionsOn(roleOf('take-inventory'), THINGS[thing][0])).toEqual(['lambda:GetFunction']);
  });

  it('take-snapshot reads values and code, and no tables', () => {
    expect(actionsOn(roleOf('take-snapshot'), THINGS.table[0])).toEqual([]);
    expect(actionsOn(roleOf('take-snapshot'), THINGS.parameter[0])).toContain('ssm:GetParameter');
    expect(actionsOn(roleOf('take-snapshot'), THINGS.secret[0])).toContain('secretsmanager:GetSecretValue');
    expect(actionsOn(roleOf('take-snapshot'), THINGS.functions[0])).toContain('lambda:GetFunction');
  });
});

describe('what lies beside the sources', () => {
  it.each(FUNCTION_NAMES.flatMap((name) => THING_NAMES.map((thing) => [name, thing] as const)))(
    '%s may do nothing to another %s',
    (name, thing) => {
      expect(actionsOn(roleOf(name), THINGS[thing][1])).toEqual([]);
    },
  );
});

describe('keys of KMS', () => {
  const CONTEXTS: Readonly<Record<string, string>> = {
    s3: 'kms:EncryptionContext:aws:s3:arn',
    dynamodb: 'kms:EncryptionContext:aws:dynamodb:tableName',
    ssm: 'kms:EncryptionContext:PARAMETER_ARN',
    secretsmanager: 'kms:EncryptionContext:SecretARN',
    lambda: 'kms:EncryptionContext:aws:lambda:FunctionArn',
  };
  const used = FUNCTION_NAMES.flatMap((name) =>
    roleOf(name)
      .filter(({ Action }) => Action.some((action) => action.startsWith('kms:')))
      .map(({ Action, Condition }) => ({ name, Action, on: Condition?.StringLike ?? {} })),
  );

  it('are used through one service each', () => {
    expect(new Set(used.map(({ on }) => on['kms:ViaService']))).toEqual(
      new Set(['dynamodb', 'ssm', 'secretsmanager', 'lambda'].map((service) => `${service}.*.amazonaws.com`)),
    );
  });

  it('open nothing but what a source, a target or a sandbox holds', () => {
    for (const { Action, on } of used) {
      // Making a table under a key: DynamoDB asks for a grant and the key's description, of which the table is no part.
      if (Action.includes('kms:DescribeKey')) expect(Action).toEqual(['kms:CreateGrant', 'kms:DescribeKey']);
      else
        expect(Object.keys(on)).toEqual(['kms:ViaService', CONTEXTS[String(on['kms:ViaService']).split('.')[0] ?? '']]);
    }
  });

  it('are used by the functions that read values, and by no others', () => {
    expect([...new Set(used.map(({ name }) => name))]).toEqual([
      'take-inventory',
      'take-snapshot',
      'verify',
      'restore',
    ]);
  });
});

describe('a table that DynamoDB exports', () => {
  const exported = (more: object) =>
    rolesOf({ sources: [{ uri: 'dynamodb://orders', engine: 'export', ...more }] })('take-inventory');

  it('is exported to the work bucket unless the plan says where', () => {
    const role = exported({});
    expect(actionsOn(role, THINGS.table[0])).toContain('dynamodb:ExportTableToPointInTime');
    expect(actionsOn(role, `${THINGS.table[0]}/export/01`)).toEqual(['dynamodb:DescribeExport']);
    expect(actionsOn(role, '<WorkBucket.Arn>/exports/a')).toEqual([
      's3:AbortMultipartUpload',
      's3:GetObject',
      's3:PutObject',
      's3:PutObjectAcl',
    ]);
  });

  it('is exported to the place that the plan names, and to no other', () => {
    const role = exported({ exportTo: 's3://acme-exports/tables' });
    expect(actionsOn(role, 'arn:<AWS::Partition>:s3:::acme-exports/tables/a')).toContain('s3:PutObjectAcl');
    expect(actionsOn(role, 'arn:<AWS::Partition>:s3:::acme-exports/tables-2/a')).toEqual([]);
    expect(actionsOn(role, '<WorkBucket.Arn>/exports/a')).not.toContain('s3:PutObjectAcl');
  });

  it('is the only one that may be exported', () => {
    expect(actionsOn(roleOf('take-inventory'), THINGS.table[0])).not.toContain('dynamodb:ExportTableToPointInTime');
  });
});

describe('sandboxes', () => {
  const SANDBOXES = {
    table: ownArnText('dynamodb', 'table/holdfast-sandbox-rp-1'),
    parameter: ownArnText('ssm', 'parameter/holdfast-sandbox/rp-1/a'),
    secret: ownArnText('secretsmanager', 'secret:holdfast-sandbox/rp-1/a-AbCdEf'),
    functions: ownArnText('lambda', 'function:holdfast-sandbox-rp-1'),
  };

  it('are made, filled, read back and removed by a verification', () => {
    expect(actionsOn(roleOf('verify'), SANDBOXES.table)).toEqual([
      'dynamodb:BatchWriteItem',
      'dynamodb:CreateTable',
      'dynamodb:DeleteTable',
      'dynamodb:DescribeTable',
      'dynamodb:GetItem',
      'dynamodb:Scan',
      'dynamodb:TagResource',
    ]);
    expect(actionsOn(roleOf('verify'), SANDBOXES.parameter)).toEqual(
      expect.arrayContaining(['ssm:PutParameter', 'ssm:GetParameter', 'ssm:DeleteParameter']),
    );
    expect(actionsOn(roleOf('verify'), SANDBOXES.secret)).toEqual(
      expect.arrayContaining([
        'secretsmanager:CreateSecret',
        'secretsmanager:GetSecretValue',
        'secretsmanager:DeleteSecret',
      ]),
    );
  });

  it('are of the kinds that the sources are of', () => {
    const verify = rolesOf({ sources: ['s3://the-source/', 'ssm:///acme/'] })('verify');
    expect(actionsOn(verify, SANDBOXES.parameter)).toContain('ssm:PutParameter');
    expect(actionsOn(verify, SANDBOXES.table)).toEqual([]);
    expect(actionsOn(verify, SANDBOXES.secret)).toEqual([]);
  });

  it('there are none of functions', () => {
    expect(actionsOn(roleOf('verify'), SANDBOXES.functions)).toEqual([]);
  });

  it.each(FUNCTION_NAMES.filter((name) => name !== 'verify'))('%s has no business there', (name) => {
    for (const arn of Object.values(SANDBOXES)) expect(actionsOn(roleOf(name), arn)).toEqual([]);
  });
});

describe('a restore', () => {
  it('writes to what was backed up', () => {
    expect(actionsOn(roleOf('restore'), THINGS.table[0])).toContain('dynamodb:BatchWriteItem');
    expect(actionsOn(roleOf('restore'), THINGS.parameter[0])).toContain('ssm:PutParameter');
    expect(actionsOn(roleOf('restore'), THINGS.secret[0])).toContain('secretsmanager:PutSecretValue');
    expect(actionsOn(roleOf('restore'), THINGS.functions[0])).toContain('lambda:UpdateFunctionCode');
  });

  it('writes to the targets alone where they are named', () => {
    const restore = rolesOf({ restoreTargets: ['dynamodb://orders-2', 'ssm:///acme/test/'] })('restore');
    expect(actionsOn(restore, THINGS.table[1])).toContain('dynamodb:BatchWriteItem');
    expect(actionsOn(restore, THINGS.parameter[1])).toContain('ssm:PutParameter');
    for (const thing of THING_NAMES) expect(actionsOn(restore, THINGS[thing][0])).toEqual([]);
  });

  it('never drops a table', () => {
    expect(actionsOn(roleOf('restore'), THINGS.table[0])).not.toContain('dynamodb:DeleteTable');
  });

  it('passes a role only where the deployer named it, and to Lambda only', () => {
    const passing = (role: ReturnType<typeof roleOf>) => role.filter(({ Action }) => Action.includes('iam:PassRole'));
    expect(FUNCTION_NAMES.flatMap((name) => passing(roleOf(name)))).toEqual([]);
    const named = 'arn:aws:iam::123456789012:role/acme-worker';
    const role = rolesOf({ passRoles: [named] });
    expect(passing(role('restore')).map(({ on, Condition }) => [on, Condition])).toEqual([
      [[named], { StringEquals: { 'iam:PassedToService': 'lambda.amazonaws.com' } }],
    ]);
    expect(FUNCTION_NAMES.filter((name) => passing(role(name)).length > 0)).toEqual(['restore']);
  });
});

describe('event sources', () => {
  const bound = (name: FunctionName) =>
    roleOf(name)
      .filter(({ Action }) => Action.some((action) => /(Create|Update|Delete)EventSourceMapping/.test(action)))
      .map(({ Condition }) => Condition?.ArnLike?.['lambda:FunctionArn']);

  it('are changed by a restore for the functions that it writes, and by nobody else', () => {
    expect(FUNCTION_NAMES.filter((name) => bound(name).length > 0)).toEqual(['restore']);
    for (const functions of bound('restore')) expect(JSON.stringify(functions)).toContain(':function:acme-*');
  });
});

it('all functions are listed only where some are named by how their names begin', () => {
  const lists = (source: string) => actionsOnAll(rolesOf({ sources: [source] })('take-inventory'));
  expect(lists('lambda://acme-*')).toContain('lambda:ListFunctions');
  expect(lists('lambda://lone')).not.toContain('lambda:ListFunctions');
});

describe('on everything, because AWS offers no resource,', () => {
  const TRACES = ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'];
  const SCALING = [
    'application-autoscaling:DescribeScalableTargets',
    'application-autoscaling:DescribeScalingPolicies',
    'application-autoscaling:DescribeScheduledActions',
  ];
  const NETWORKS = ['ec2:DescribeSecurityGroups', 'ec2:DescribeSubnets', 'ec2:DescribeVpcs'];
  const LAMBDA = ['CreateEventSourceMapping', 'ListEventSourceMappings', 'ListFunctions', 'ListLayerVersions'];
  const LISTS = ['secretsmanager:ListSecrets', 'ssm:DescribeParameters'];
  it.each<[FunctionName, readonly string[]]>([
    ['start-run', []],
    ['take-inventory', [...SCALING, 'lambda:ListFunctions', ...LISTS]],
    ['take-snapshot', ['lambda:ListEventSourceMappings', 'lambda:ListFunctions', ...LISTS]],
    ['commit-snapshot', []],
    ['replicate', []],
    ['verify', LISTS],
    ['restore', [...SCALING, ...NETWORKS, ...LAMBDA.map((action) => `lambda:${action}`), ...LISTS]],
    ['record-failure', []],
    ['finish-run', []],
  ])('%s may %j', (name, actions) => {
    expect(actionsOnAll(roleOf(name))).toEqual([...actions, ...TRACES].sort());
  });
});
