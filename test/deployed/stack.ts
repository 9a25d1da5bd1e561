/** A stack as a person makes it: `serverless deploy` in a folder with the sources, keys by `holdfast init`, a look at the outputs. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { ROOT } from '../deploy/package.ts';
import { awsEnv } from '../emulated/judge.ts';
import { type Aws, awsCli, startMinistack } from './ministack.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Project {
  /** Where holdfast.yml lies, and after `init` the keys. */
  readonly folder: string;
  writePlan(text: string): void;
  /** `npx serverless …` */
  serverless(...args: readonly string[]): Promise<Ended>;
  /** `holdfast …` in the project's folder. */
  holdfast(...args: readonly string[]): Promise<Ended>;
  /** The same, by somebody whose tools are set to another region. */
  holdfastIn(region: string, ...args: readonly string[]): Promise<Ended>;
  remove(): void;
}

const HOLDFAST = join(ROOT, 'functions/local/holdfast.mjs');

const failed = z.object({ code: z.number(), stdout: z.string(), stderr: z.string() });

/** A folder with the sources, beside a holdfast.yml of its own; all that runs in it finds the emulator. */
export function openProject(endpoint: string, plan: string): Project {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-deployed-'));
  const env = { ...awsEnv(endpoint), CI: 'true', HOME: join(folder, 'home') };
  mkdirSync(env.HOME);
  for (const name of ['functions', 'statemachines', 'test', 'node_modules', 'package.json'])
    symlinkSync(join(ROOT, name), join(folder, name));
  copyFileSync(join(ROOT, 'serverless.yml'), join(folder, 'serverless.yml'));
  const writePlan = (text: string) => writeFileSync(join(folder, 'holdfast.yml'), text);
  writePlan(plan);
  return {
    folder,
    writePlan,
    serverless: (...args) => run('npx', ['--no-install', 'serverless', ...args], folder, env),
    holdfast: (...args) => run(process.execPath, [HOLDFAST, ...args], folder, env),
    holdfastIn: (region, ...args) =>
      run(process.execPath, [HOLDFAST, ...args], folder, { ...env, AWS_REGION: region, AWS_DEFAULT_REGION: region }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const PATH = [dirname(process.execPath), process.env.PATH].join(':');
  const ended = promisify(execFile)(command, args, { cwd, env: { ...env, PATH }, maxBuffer: 1 << 26 });
  return await ended.then(
    (said) => ({ code: 0, ...said }),
    (error: unknown) => failed.parse(error),
  );
}

const described = z.object({
  Stacks: z.tuple([
    z.looseObject({ Outputs: z.array(z.looseObject({ OutputKey: z.string(), OutputValue: z.string() })).default([]) }),
  ]),
});

/** The outputs of the stack of a stage. */
export async function outputsOf(aws: Aws, stage: string): Promise<(key: string) => string> {
  const { Stacks } = described.parse(
    await aws('cloudformation', 'describe-stacks', '--stack-name', `holdfast-${stage}`),
  );
  const outputs = new Map(Stacks[0].Outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
  return (key) => {
    const value = outputs.get(key);
    if (value === undefined) throw new Error(`the stack of stage ${stage} has no output ${key}`);
    return value;
  };
}

/** An AWS of its own, in which one stack is deployed. */
export interface Account {
  readonly endpoint: string;
  readonly aws: Aws;
  readonly project: Project;
  readonly output: (key: string) => string;
  close(): Promise<void>;
}

/** @throws Error with what the framework said, when it did not deploy. */
export async function openAccount(options: {
  readonly stage: string;
  readonly plan: string;
  /** `--param=…` */
  readonly params?: readonly string[];
  /** Makes and fills buckets, before anything is deployed. */
  readonly fill: (endpoint: string) => Promise<void>;
}): Promise<Account> {
  const { endpoint, stop } = await startMinistack();
  const project = openProject(endpoint, options.plan);
  const close = async () => {
    project.remove();
    await stop();
  };
  try {
    await options.fill(endpoint);
    const deployed = await project.serverless('deploy', '--stage', options.stage, ...(options.params ?? []));
    if (deployed.code !== 0) throw new Error(`${deployed.stdout}${deployed.stderr}`);
    const aws = awsCli(endpoint);
    return { endpoint, aws, project, output: await outputsOf(aws, options.stage), close };
  } catch (error) {
    await close();
    throw error;
  }
}

const resource = z.object({ StackResourceDetail: z.looseObject({ PhysicalResourceId: z.string() }) });

/** What CloudFormation has called a resource of the stack of a stage. */
export async function physicalId(aws: Aws, stage: string, logicalId: string): Promise<string> {
  const stack = ['--stack-name', `holdfast-${stage}`, '--logical-resource-id', logicalId];
  const described = await aws('cloudformation', 'describe-stack-resource', ...stack);
  return resource.parse(described).StackResourceDetail.PhysicalResourceId;
}

const assumed = z.object({
  Credentials: z.looseObject({ AccessKeyId: z.string(), SecretAccessKey: z.string(), SessionToken: z.string() }),
});

/** The AWS CLI as whoever holds the credentials of a function's role. */
export async function asRole({ aws, endpoint }: Account, stage: string, role: string): Promise<Aws> {
  const arn = `arn:aws:iam::000000000000:role/${await physicalId(aws, stage, role)}`;
  const session = await aws('sts', 'assume-role', '--role-arn', arn, '--role-session-name', 'thief');
  const { Credentials } = assumed.parse(session);
  return awsCli(endpoint, {
    AWS_ACCESS_KEY_ID: Credentials.AccessKeyId,
    AWS_SECRET_ACCESS_KEY: Credentials.SecretAccessKey,
    AWS_SESSION_TOKEN: Credentials.SessionToken,
  });
}

const scanned = z.object({
  Items: z.array(z.looseObject({ sk: z.object({ S: z.string() }), record: z.object({ S: z.string() }).optional() })),
});

/** Every item of the catalogue's table that holds a record: its sort key, and the record. */
export async function catalogueOf({
  aws,
  output,
}: Account): Promise<readonly { readonly sk: string; readonly record: unknown }[]> {
  const table = output('CatalogueTableName');
  const { Items } = scanned.parse(await aws('dynamodb', 'scan', '--table-name', table, '--consistent-read'));
  return Items.flatMap(({ sk, record }) => (record === undefined ? [] : [{ sk: sk.S, record: JSON.parse(record.S) }]));
}

/** What README says to do after the first deploy: make keys and vaults, and hand the keys over to the functions. */
export async function handOverKeys({ project, aws }: Pick<Account, 'project' | 'aws'>, stage: string): Promise<void> {
  const made = await project.holdfast('init', '--yes', '--write-key', 'write.key');
  if (made.code !== 0) throw new Error(made.stderr);
  for (const [name, file] of [
    ['write', 'write.key'],
    ['read', 'holdfast.key'],
  ] as const)
    await aws(
      ...['ssm', 'put-parameter', '--type', 'SecureString', '--name', `/holdfast/${stage}/key/${name}`],
      ...['--value', `file://${join(project.folder, file)}`],
    );
}
