import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { FUNCTION_NAMES, pascalCase } from '../../functions/runtime/deploy/function-names.ts';
import { EXAMPLE } from '../../functions/runtime/deploy/plan-source.ts';
import { MACHINE_NAMES, machineId } from '../../functions/runtime/deploy/stack-alarms.ts';
import { callUnpacked, filesOfZip } from './artefacts.ts';
import { type Packaged, packageService, ROOT, resourcesOf, spell, statementsOf } from './package.ts';

const functionSchema = z.object({
  FunctionName: z.string(),
  Handler: z.string(),
  Runtime: z.string(),
  Architectures: z.array(z.string()),
  MemorySize: z.number(),
  Timeout: z.number(),
  Role: z.unknown().transform(spell),
  TracingConfig: z.object({ Mode: z.string() }),
  Environment: z.object({
    Variables: z.record(z.string(), z.unknown().transform(spell)),
  }),
});

const partSchema = z.object({ needs: z.array(z.string()), open: z.function() });

let packaged: Packaged;
beforeAll(async () => {
  packaged = await packageService();
}, 180_000);
afterAll(() => packaged?.remove());

function get(logicalId: string) {
  const resource = packaged.template.Resources[logicalId];
  if (resource === undefined) throw new Error(`the template has no ${logicalId}`);
  return resource;
}

function functionOf(name: (typeof FUNCTION_NAMES)[number]) {
  return functionSchema.parse(get(`${pascalCase(name)}LambdaFunction`).Properties);
}

/** What the parts that a handler names need of its environment. */
async function variablesOf(name: string): Promise<readonly string[]> {
  const handler = readFileSync(join(ROOT, 'functions', `${name}.ts`), 'utf8');
  const modules = [...handler.matchAll(/'\.\/(runtime\/parts\/[\w-]+\.ts)'/g)].map((match) => match[1] ?? '');
  const parts = await Promise.all(modules.map((module): Promise<object> => import(join(ROOT, 'functions', module))));
  return parts
    .flatMap((exported) => Object.values(exported))
    .flatMap((one) => partSchema.safeParse(one).data?.needs ?? []);
}

describe('a packaged function', () => {
  it('is one for each handler and no other', () => {
    expect([...resourcesOf(packaged.template, 'AWS::Lambda::Function').keys()].sort()).toEqual(
      FUNCTION_NAMES.map((name) => `${pascalCase(name)}LambdaFunction`).sort(),
    );
  });

  it.each(FUNCTION_NAMES)('%s runs on Node.js 24 on arm64, traced, in its own role', (name) => {
    expect(functionOf(name)).toMatchObject({
      FunctionName: `holdfast-dev-${name}`,
      Handler: 'index.handler',
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Role: `<${pascalCase(name)}Role.Arn>`,
      TracingConfig: { Mode: 'Active' },
    });
  });

  it.each([
    ['start-run', 512, 120],
    ['take-inventory', 1769, 900],
    ['take-snapshot', 3008, 900],
    ['commit-snapshot', 1769, 900],
    ['replicate', 1769, 900],
    ['verify', 3008, 900],
    ['restore', 3008, 900],
    ['record-failure', 512, 120],
    ['finish-run', 512, 120],
  ] as const)('%s has %i MB and %i s', (name, MemorySize, Timeout) => {
    expect(functionOf(name)).toMatchObject({ MemorySize, Timeout });
  });

  it.each(FUNCTION_NAMES)('%s knows its stage, the catalogue, the work bucket and the bus', (name) => {
    expect(functionOf(name).Environment.Variables).toMatchObject({
      HOLDFAST_STAGE: 'dev',
      HOLDFAST_CATALOGUE_TABLE: '<CatalogueTable>',
      HOLDFAST_WORK_BUCKET: '<WorkBucket>',
      HOLDFAST_EVENT_BUS: '<EventBus>',
    });
  });

  it.each(FUNCTION_NAMES)('%s is told all that its parts need', async (name) => {
    const needed = await variablesOf(name);
    expect(needed.length).toBeGreaterThan(0);
    // What Lambda sets itself (Lambda developer guide, "Defined runtime environment variables").
    const told = new Set(['LAMBDA_TASK_ROOT', ...Object.keys(functionOf(name).Environment.Variables)]);
    expect(needed.filter((variable) => !told.has(variable))).toEqual([]);
  });

  it.each([
    ['start-run', undefined],
    ['take-inventory', '/holdfast/dev/key/write'],
    ['take-snapshot', '/holdfast/dev/key/write'],
    ['commit-snapshot', '/holdfast/dev/key/write'],
    ['replicate', '/holdfast/dev/key/write'],
    ['verify', '/holdfast/dev/key/read'],
    ['restore', '/holdfast/dev/key/read'],
    ['record-failure', undefined],
    ['finish-run', undefined],
  ] as const)('%s takes its key from %s', (name, parameter) => {
    expect(functionOf(name).Environment.Variables.HOLDFAST_KEY_PARAMETER).toBe(parameter);
  });

  it.each(FUNCTION_NAMES)('%s keeps its logs for 90 days', (name) => {
    expect(get(`${pascalCase(name)}LogGroup`).Properties).toEqual({
      LogGroupName: `/aws/lambda/holdfast-dev-${name}`,
      RetentionInDays: 90,
    });
  });
});

describe('a package', () => {
  it.each(FUNCTION_NAMES)('%s holds the bundle and the plan file and nothing else', (name) => {
    const files = filesOfZip(join(packaged.folder, `${name}.zip`));
    expect([...files.keys()].sort()).toEqual(['holdfast.yml', 'index.mjs']);
    expect(files.get('holdfast.yml')?.toString()).toBe(readFileSync(join(ROOT, EXAMPLE), 'utf8'));
  });

  it.each(FUNCTION_NAMES)('%s is under 1 MB', (name) => {
    expect(statSync(join(packaged.folder, `${name}.zip`)).size).toBeLessThan(1_000_000);
  });

  it('runs without node_modules: each handler refuses an input that is none', () => {
    const answers = callUnpacked(packaged.folder, FUNCTION_NAMES);
    expect(answers).toEqual(Object.fromEntries(FUNCTION_NAMES.map((name) => [name, 'InvalidInputError'])));
  });
});

describe('state machines', () => {
  const asl = (name: string) => readFileSync(join(ROOT, 'statemachines', `${name}.asl.json`), 'utf8');
  const substitutionsIn = (text: string) =>
    [...new Set([...text.matchAll(/\$\{(\w+)\}/g)].map((match) => match[1] ?? ''))].sort();
  const machineSchema = z.object({
    StateMachineName: z.string(),
    DefinitionString: z.string().transform((text): unknown => JSON.parse(text)),
    DefinitionSubstitutions: z.record(z.string(), z.unknown()),
    LoggingConfiguration: z.object({
      Level: z.string(),
      IncludeExecutionData: z.boolean(),
      Destinations: z.array(z.unknown()).min(1),
    }),
    TracingConfiguration: z.object({ Enabled: z.boolean() }),
    RoleArn: z.unknown(),
  });
  const propertiesOf = (name: string) => machineSchema.parse(get(machineId(name)).Properties);

  it('are those of statemachines/', () => {
    const files = readdirSync(join(ROOT, 'statemachines')).map((file) => file.replace('.asl.json', ''));
    expect(files.sort()).toEqual([...MACHINE_NAMES].sort());
    expect([...resourcesOf(packaged.template, 'AWS::StepFunctions::StateMachine').keys()].sort()).toEqual(
      MACHINE_NAMES.map(machineId).sort(),
    );
  });

  it.each(MACHINE_NAMES)('%s is what the file says, to the last null', (name) => {
    expect(propertiesOf(name).DefinitionString).toEqual(JSON.parse(asl(name)));
  });

  it.each(MACHINE_NAMES)('%s is given every substitution that it has, and no other', (name) => {
    expect(Object.keys(propertiesOf(name).DefinitionSubstitutions).sort()).toEqual(substitutionsIn(asl(name)));
  });

  it.each(MACHINE_NAMES)('%s is given things of the same name', (name) => {
    for (const [substitution, value] of Object.entries(propertiesOf(name).DefinitionSubstitutions)) {
      const expected = substitution.replace(/FunctionArn$/, 'LambdaFunction.Arn').replace(/MachineArn$/, 'Machine');
      expect(spell(value)).toBe(`<${expected}>`);
    }
  });

  it.each(MACHINE_NAMES)('%s may call the functions that it names and no others', (name) => {
    const invoked = statementsOf(get(`${machineId(name)}Role`))
      .filter(({ Action }) => Action.includes('lambda:InvokeFunction'))
      .flatMap(({ on }) => on);
    const named = substitutionsIn(asl(name)).filter((one) => one.endsWith('FunctionArn'));
    expect(invoked.sort()).toEqual(named.map((one) => `<${one.replace(/FunctionArn$/, 'LambdaFunction.Arn')}>`).sort());
  });

  it.each(MACHINE_NAMES)('%s is traced and logs its errors', (name) => {
    expect(propertiesOf(name)).toMatchObject({
      StateMachineName: `holdfast-dev-${name}`,
      LoggingConfiguration: { Level: 'ERROR' },
      TracingConfiguration: { Enabled: true },
    });
  });

  it.each(MACHINE_NAMES)('%s logs nothing of what its states are given, which may hold keys of entries', (name) => {
    expect(propertiesOf(name).LoggingConfiguration.IncludeExecutionData).toBe(false);
  });

  it('backup may run its Distributed Map and follow a verification', () => {
    const allowed = statementsOf(get('BackupMachineRole')).flatMap(({ Action, on }) =>
      Action.flatMap((action) => on.map((arn) => `${action} ${arn.replace(/^arn:.*<AWS::AccountId>:/, '')}`)),
    );
    expect(allowed.filter((one) => /^(states|events|s3)/.test(one)).sort()).toEqual([
      'events:DescribeRule rule/StepFunctionsGetEventsForStepFunctionsExecutionRule',
      'events:PutRule rule/StepFunctionsGetEventsForStepFunctionsExecutionRule',
      'events:PutTargets rule/StepFunctionsGetEventsForStepFunctionsExecutionRule',
      's3:GetObject <WorkBucket.Arn>/*',
      'states:DescribeExecution execution:holdfast-dev-backup/*:*',
      'states:DescribeExecution execution:holdfast-dev-backup:*',
      'states:DescribeExecution execution:holdfast-dev-verify:*',
      'states:StartExecution <VerifyMachine>',
      'states:StartExecution stateMachine:holdfast-dev-backup',
      'states:StopExecution execution:holdfast-dev-backup/*:*',
      'states:StopExecution execution:holdfast-dev-backup:*',
      'states:StopExecution execution:holdfast-dev-verify:*',
    ]);
  });
});

describe('what calls the functions', () => {
  it('calls none asynchronously, so that no call can be lost without a queue to find it in', () => {
    const callers = ['EventInvokeConfig', 'EventSourceMapping', 'Permission', 'Url'].map(
      (kind) => `AWS::Lambda::${kind}`,
    );
    expect(callers.filter((type) => resourcesOf(packaged.template, type).size > 0)).toEqual([]);
    const targets = [...resourcesOf(packaged.template, 'AWS::Scheduler::Schedule').values()].map(({ Properties }) =>
      spell(z.object({ Target: z.object({ Arn: z.unknown() }) }).parse(Properties).Target.Arn),
    );
    expect(new Set(targets)).toEqual(new Set(['<BackupMachine.Arn>']));
  });

  it('bounds how many of them read at once: five sources of a run, as many workers each as the plan says, four replicas', () => {
    const { DefinitionString } = z.object({ DefinitionString: z.string() }).parse(get('BackupMachine').Properties);
    const bounds = [...DefinitionString.matchAll(/"(\w+)":\{"Type":"Map".*?"MaxConcurrency(?:Path)?":([^,]+)/g)];
    expect(bounds.map(([, name, bound]) => [name, bound])).toEqual([
      ['Sources', '5'],
      ['Shards', '"$.inventory.concurrency"'],
      ['Replicas', '4'],
    ]);
    expect(DefinitionString.match(/"Type":"Map"/g)).toHaveLength(bounds.length);
  });
});
