import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { catalogueTableDefinition } from '../../functions/catalogue/keys.ts';
import { METRIC_NAMES } from '../../functions/core/events.ts';
import { MACHINE_NAMES, machineId } from '../../functions/runtime/deploy/stack-alarms.ts';
import { readAlarm } from './alarm.ts';
import {
  allStatementsOf,
  type Packaged,
  packageService,
  resourcesOf,
  spell,
  statementsOf,
  templateSchema,
} from './package.ts';
import { ownArnText } from './policy.ts';

/** A prefix that is a variable of the framework's, were it in serverless.yml. */
const PLAN = `
vaults:
  main: { url: "s3://the-vault", lock: { mode: compliance, days: 30 } }
  old: { url: "s3://the-old-vault" }
  far: { url: "s3://the-far-vault", region: eu-west-1 }
plans:
  app:
    sources: ["s3://the-source/\${env:HOME}/\\\\\${self:service}/"]
    vault: main
    replicateTo: [old, far]
    schedule: { full: "cron(0 2 ? * SUN *)", incremental: "rate(1 hour)", timezone: Europe/London }
    objectives: { rpo: 90m, rto: 4h }
    notify: [ops@example.com]
  kinds:
    sources: [{ uri: dynamodb://orders, engine: export }, ssm:///acme/, secretsmanager://acme/, lambda://acme-*]
    vault: main
`;
const ODD_SOURCE = `s3://the-source/\${env:HOME}/\\\${self:service}/`;

const PASSED_ROLE = 'arn:aws:iam::123456789012:role/acme/worker';

let packaged: Packaged;
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-plan-'));
  try {
    writeFileSync(join(folder, 'plan.yml'), PLAN);
    packaged = await packageService([
      '--stage=prod',
      '--region=us-east-1',
      `--param=config=${join(folder, 'plan.yml')}`,
      '--param=existingVaults=old',
      `--param=passRoles=${PASSED_ROLE}`,
      '--param=restoreTargets=dynamodb://orders-again, lambda://acme-*',
    ]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 180_000);
afterAll(() => packaged?.remove());

const of = (type: string) => resourcesOf(packaged.template, type);

function get(logicalId: string) {
  const resource = packaged.template.Resources[logicalId];
  if (resource === undefined) throw new Error(`the template has no ${logicalId}`);
  return resource;
}

describe('roles', () => {
  const everyStatement = () =>
    [...of('AWS::IAM::Role').keys()].flatMap((id) =>
      allStatementsOf(packaged.template.Resources, id).map((statement) => ({ id, ...statement })),
    );

  it('there is one for each function, each machine, and the schedules', () => {
    expect(of('AWS::IAM::Role').size).toBe(9 + MACHINE_NAMES.length + 1);
  });

  it('allow no wildcard of actions', () => {
    expect(everyStatement().filter(({ Action }) => Action.some((action) => action.includes('*')))).toEqual([]);
  });

  it('allow on everything only what AWS offers no resource for', () => {
    const onAll = everyStatement().filter(({ on }) => on.includes('*'));
    // Service Authorization Reference: none of these has a type of resource.
    const without = [
      // X-Ray, and the log deliveries of CloudWatch Logs.
      /^xray:(Put|Get)\w+$/,
      /^logs:(\w+LogDelivery|ListLogDeliveries|(Put|Describe)ResourcePolic\w+|DescribeLogGroups)$/,
      // What lists things cannot be narrowed to some of them; none of it tells a value but for the variables of functions.
      /^ssm:DescribeParameters$/,
      /^secretsmanager:ListSecrets$/,
      /^lambda:List(Functions|EventSourceMappings|LayerVersions)$/,
      // An event source is made for one function, which a condition names.
      /^lambda:CreateEventSourceMapping$/,
      // Networks into which a restored function is put.
      /^ec2:Describe(SecurityGroups|Subnets|Vpcs)$/,
      // What Application Auto Scaling describes; it changes single targets, which have ARNs.
      /^application-autoscaling:Describe(ScalableTargets|ScalingPolicies|ScheduledActions)$/,
    ];
    const actions = onAll.flatMap(({ Action }) => Action);
    expect(actions.filter((action) => !without.some((one) => one.test(action)))).toEqual([]);
    expect(without.filter((one) => !actions.some((action) => one.test(action)))).toEqual([]);
  });

  it('let a restore write to the places that the parameters name, and pass the role that they name', () => {
    const restore = allStatementsOf(packaged.template.Resources, 'RestoreRole');
    const where = (action: string) => restore.filter(({ Action }) => Action.includes(action)).flatMap(({ on }) => on);
    expect(where('dynamodb:CreateTable')).toEqual([ownArnText('dynamodb', 'table/orders-again')]);
    expect(where('lambda:CreateFunction')).toEqual([ownArnText('lambda', 'function:acme-*')]);
    expect(where('ssm:PutParameter')).toEqual([]);
    expect(where('iam:PassRole')).toEqual([PASSED_ROLE]);
  });

  it('name their resources up to the account at least', () => {
    const vague = everyStatement().flatMap(({ on }) =>
      on.filter((arn) => arn !== '*' && /^arn:\*|^\*|:::\*|^<[^>]+>\*/.test(arn)),
    );
    expect(vague).toEqual([]);
  });

  it('are assumed by the one service that they are for', () => {
    const principals = [...of('AWS::IAM::Role')].map(([id, role]) => [
      id,
      /"Service":"(\w+)\.amazonaws\.com"/.exec(JSON.stringify(role.Properties.AssumeRolePolicyDocument))?.[1],
    ]);
    const expected = (id: string) =>
      id === 'ScheduleRole' ? 'scheduler' : id.endsWith('MachineRole') ? 'states' : 'lambda';
    expect(principals).toEqual([...of('AWS::IAM::Role').keys()].map((id) => [id, expected(id)]));
  });
});

describe('the catalogue table', () => {
  it('is the table that the catalogue expects', () => {
    const { TableName: _, ...definition } = catalogueTableDefinition('any');
    expect(get('CatalogueTable').Properties).toMatchObject(definition);
  });

  it('is kept, protected, encrypted and recoverable to a point in time', () => {
    expect(get('CatalogueTable')).toMatchObject({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        DeletionProtectionEnabled: true,
        SSESpecification: { SSEEnabled: true },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      },
    });
  });
});

describe('buckets', () => {
  const ours = () => [...of('AWS::S3::Bucket')].filter(([id]) => !id.startsWith('Serverless'));

  it('are the work bucket and the vaults that are neither elsewhere nor there already', () => {
    expect(
      ours()
        .map(([, { Properties }]) => Properties.BucketName ?? 'generated')
        .sort(),
    ).toEqual(['generated', 'the-vault']);
  });

  it('of vaults in other regions have a template of their own beside', () => {
    const file = join(packaged.folder, 'cloudformation-template-vaults-eu-west-1.json');
    const buckets = resourcesOf(templateSchema.parse(JSON.parse(readFileSync(file, 'utf8'))), 'AWS::S3::Bucket');
    expect([...buckets.values()].map(({ Properties }) => Properties.BucketName)).toEqual(['the-far-vault']);
    expect(readdirSync(packaged.folder).filter((name) => name.includes('-vaults-'))).toHaveLength(1);
  });

  it('are private, encrypted and retained, and refuse requests without TLS', () => {
    const policies = JSON.stringify([...of('AWS::S3::BucketPolicy').values()].map(({ Properties }) => Properties));
    for (const [id, bucket] of ours()) {
      expect(bucket).toMatchObject({
        DeletionPolicy: 'Retain',
        Properties: {
          PublicAccessBlockConfiguration: {
            BlockPublicAcls: true,
            BlockPublicPolicy: true,
            IgnorePublicAcls: true,
            RestrictPublicBuckets: true,
          },
          BucketEncryption: expect.anything(),
        },
      });
      expect(policies).toContain(`"Bucket":{"Ref":"${id}"}`);
    }
    expect(policies.match(/aws:SecureTransport/g)).toHaveLength(of('AWS::S3::BucketPolicy').size);
  });

  it('the work bucket forgets after a week and holds no versions', () => {
    expect(get('WorkBucket').Properties).toMatchObject({
      LifecycleConfiguration: { Rules: [{ Status: 'Enabled', ExpirationInDays: 7 }] },
    });
    expect(get('WorkBucket').Properties).not.toHaveProperty('VersioningConfiguration');
  });
});

describe('alarms and schedules', () => {
  it('every alarm watches a metric that is there', () => {
    const known = {
      Holdfast: METRIC_NAMES,
      'AWS/States': ['ExecutionsFailed', 'ExecutionsTimedOut', 'ExecutionsAborted'],
      'AWS/SQS': ['ApproximateNumberOfMessagesVisible'],
    };
    const alarms = [...of('AWS::CloudWatch::Alarm').values()].map(readAlarm);
    const names = (namespace: string): readonly string[] =>
      Object.entries(known).find(([one]) => one === namespace)?.[1] ?? [];
    expect(alarms.filter(({ namespace, metric }) => !names(namespace).includes(metric))).toEqual([]);
    expect(new Set(alarms.map(({ namespace }) => namespace))).toEqual(new Set(Object.keys(known)));
  });

  it('every alarm on a metric of Holdfast watches the stage under which the functions put it', () => {
    const alarms = [...of('AWS::CloudWatch::Alarm').values()].map(readAlarm);
    const own = alarms.filter(({ namespace }) => namespace === 'Holdfast');
    expect(new Set(own.map(({ dimensions }) => dimensions.stage))).toEqual(new Set(['prod']));
    const told = [...of('AWS::Lambda::Function').values()].map(({ Properties }) => JSON.stringify(Properties));
    expect(told.filter((properties) => !properties.includes('"HOLDFAST_STAGE":"prod"'))).toEqual([]);
  });

  it.each(MACHINE_NAMES)('%s raises an alarm when it fails, times out or is stopped', (name) => {
    const alarms = [...of('AWS::CloudWatch::Alarm').values()].map(readAlarm);
    const own = alarms.filter(({ dimensions }) => dimensions.StateMachineArn === `<${machineId(name)}>`);
    expect(own.map(({ metric }) => metric).sort()).toEqual([
      'ExecutionsAborted',
      'ExecutionsFailed',
      'ExecutionsTimedOut',
    ]);
  });

  it('a source whose name looks like a variable is watched under its own name', () => {
    const sources = [...of('AWS::CloudWatch::Alarm').values()].map((alarm) => readAlarm(alarm).dimensions.source);
    const inS3 = sources.filter((source) => source?.startsWith('s3://'));
    expect(new Set(inS3)).toEqual(new Set([ODD_SOURCE]));
  });

  it('every schedule of the plan is there', () => {
    expect(of('AWS::Scheduler::Schedule').size).toBe(2);
  });

  it('the schedules may start the backup machine and fill the dead-letter queue, no more', () => {
    const allowed = statementsOf(get('ScheduleRole')).map(({ Action, on }) => [Action, on]);
    expect(allowed).toEqual([
      [['states:StartExecution'], ['<BackupMachine>']],
      [['sqs:SendMessage'], ['<ScheduleDeadLetterQueue.Arn>']],
    ]);
  });

  it('CloudWatch of this account, and nobody else, may publish to the topic', () => {
    expect(JSON.stringify(get('AlarmTopicPolicy').Properties.PolicyDocument)).toContain(
      '"Principal":{"Service":"cloudwatch.amazonaws.com"},"Action":"sns:Publish","Resource":{"Ref":"AlarmTopic"},"Condition":{"StringEquals":{"aws:SourceAccount":{"Ref":"AWS::AccountId"}}}',
    );
  });

  it('dead letters are encrypted and kept as long as can be', () => {
    expect(get('ScheduleDeadLetterQueue').Properties).toEqual({
      SqsManagedSseEnabled: true,
      MessageRetentionPeriod: 1_209_600,
    });
  });
});

it('a plan file that is wrong is refused with its line, and without a stack', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-plan-'));
  const plan = join(folder, 'plan.yml');
  try {
    writeFileSync(plan, 'vaults: { main: { url: "s3://the-vault" } }\nplans: { app: { vault: main } }\n');
    const refused: unknown = await packageService([`--param=config=${plan}`]).catch((error: unknown) => error);
    expect(String(refused)).toContain(`${plan}:2:`);
    expect(String(refused)).not.toMatch(/\n +at /);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 180_000);

describe('the whole template', () => {
  it('names nothing that another stage could name, but for the vaults', () => {
    const named = Object.entries(packaged.template.Resources).flatMap(([id, { Properties }]) =>
      Object.entries(Properties)
        .filter(
          ([property]) =>
            /^(Name|\w+Name)$/.test(property) && !['BucketName', 'DisplayName', 'MetricName'].includes(property),
        )
        .map(([property, value]) => `${id}.${property}: ${spell(value)}`),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((one) => !/holdfast[-/]prod\b/.test(one))).toEqual([]);
  });

  it('refers to nothing that is not there', () => {
    const text = JSON.stringify(packaged.template);
    const referred = [
      ...[...text.matchAll(/\{"Ref":"([^"]+)"\}/g)].map((match) => match[1] ?? ''),
      ...[...text.matchAll(/"Fn::GetAtt":\["(\w+)"/g)].map((match) => match[1] ?? ''),
    ].filter((id) => !id.startsWith('AWS::'));
    expect(referred.length).toBeGreaterThan(50);
    expect([...new Set(referred)].filter((id) => !(id in packaged.template.Resources))).toEqual([]);
  });
});
