/** Packages the service once, as `npx serverless package` does, and reads what came out. */
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

export const ROOT = resolve(import.meta.dirname, '../..');

export const templateSchema = z.object({
  Resources: z.record(
    z.string(),
    z.object({
      Type: z.string(),
      Properties: z.record(z.string(), z.unknown()).default({}),
      DeletionPolicy: z.string().optional(),
      UpdateReplacePolicy: z.string().optional(),
    }),
  ),
  Outputs: z.record(z.string(), z.unknown()).default({}),
});

export type Template = z.output<typeof templateSchema>;
export type TemplateResource = Template['Resources'][string];

export interface Packaged {
  /** Holds the template, and `<function>.zip` and `bundles/<function>/` for each function. */
  readonly folder: string;
  readonly template: Template;
  remove(): void;
}

/**
 * Runs the framework in a folder of its own that links to the sources, because the framework always builds in `.serverless` beside
 * serverless.yml, where another packaging may be at work. There are no credentials, no configuration, and a proxy that nothing answers at:
 * whoever asks the network fails.
 * @throws Error with all that the framework said.
 */
export async function packageService(args: readonly string[] = []): Promise<Packaged> {
  const project = mkdtempSync(join(tmpdir(), 'holdfast-package-'));
  const remove = () => rmSync(project, { recursive: true, force: true });
  try {
    for (const name of ['functions', 'statemachines', 'test', 'node_modules', 'package.json'])
      symlinkSync(join(ROOT, name), join(project, name));
    copyFileSync(join(ROOT, 'serverless.yml'), join(project, 'serverless.yml'));
    const home = join(project, 'home');
    mkdirSync(home);
    const folder = join(project, 'out');
    const nowhere = 'http://127.0.0.1:9';
    const said = await promisify(execFile)(
      'npx',
      ['--no-install', 'serverless', 'package', '--package', folder, ...args],
      {
        cwd: project,
        env: {
          PATH: process.env.PATH,
          HOME: home,
          CI: 'true',
          HTTP_PROXY: nowhere,
          HTTPS_PROXY: nowhere,
          AWS_EC2_METADATA_DISABLED: 'true',
        },
      },
    ).catch((cause: { readonly stdout: string; readonly stderr: string }) => {
      throw new Error(`${cause.stdout}${cause.stderr}`, { cause });
    });
    const template = join(folder, 'cloudformation-template-update-stack.json');
    if (!existsSync(template)) throw new Error(`serverless package left no template:\n${said.stdout}${said.stderr}`);
    return { folder, template: templateSchema.parse(JSON.parse(readFileSync(template, 'utf8'))), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The resources of a type, by logical id. */
export function resourcesOf(template: Template, type: string): ReadonlyMap<string, TemplateResource> {
  return new Map(Object.entries(template.Resources).filter(([, resource]) => resource.Type === type));
}

const many = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
const resources = z.union([z.array(z.unknown()), z.unknown().transform((one) => [one])]);
const statementSchema = z.object({
  Sid: z.string().optional(),
  Effect: z.enum(['Allow', 'Deny']),
  Action: many,
  Resource: resources,
  Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
});
type RoleStatement = z.output<typeof statementSchema>;

const roleSchema = z.object({
  Policies: z.array(z.object({ PolicyDocument: z.object({ Statement: z.array(statementSchema) }) })),
});

/** A statement with its resources as text. */
export type Spelled = RoleStatement & { readonly on: readonly string[] };

/** Every statement that stands in a role itself, its resources as text in which references stand as `<LogicalId>`. */
export function statementsOf(role: Pick<TemplateResource, 'Properties'>): readonly Spelled[] {
  return roleSchema
    .parse(role.Properties)
    .Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .map(withSpelledResources);
}

function withSpelledResources(statement: RoleStatement): Spelled {
  return { ...statement, on: statement.Resource.map(spell) };
}

const attachedSchema = z.object({
  PolicyDocument: z.object({ Statement: z.array(statementSchema) }),
  Roles: z.array(z.unknown()).transform((roles) => roles.map(spell)),
});

/** Every statement of a role and of the managed policies that are attached to it. */
export function allStatementsOf(
  resources: Readonly<Record<string, Pick<TemplateResource, 'Type' | 'Properties'>>>,
  roleId: string,
): readonly Spelled[] {
  const role = resources[roleId];
  if (role === undefined) throw new Error(`there is no ${roleId}`);
  const attached = Object.values(resources)
    .filter(({ Type }) => Type === 'AWS::IAM::ManagedPolicy')
    .map(({ Properties }) => attachedSchema.parse(Properties))
    .filter(({ Roles }) => Roles.includes(`<${roleId}>`));
  return [
    ...statementsOf(role),
    ...attached.flatMap(({ PolicyDocument }) => PolicyDocument.Statement).map(withSpelledResources),
  ];
}

const joined = z.object({ 'Fn::Join': z.tuple([z.literal(''), z.array(z.unknown())]) });
const attribute = z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) });
const substituted = z.object({ 'Fn::Sub': z.string() });
const reference = z.object({ Ref: z.string() });

/** A CloudFormation value as text: `arn:<AWS::Partition>:s3:::bucket/*`, `<WorkBucket.Arn>/*`. */
export function spell(value: unknown): string {
  if (typeof value === 'string') return value;
  const join = joined.safeParse(value);
  if (join.success) return join.data['Fn::Join'][1].map(spell).join('');
  const get = attribute.safeParse(value);
  if (get.success) return `<${get.data['Fn::GetAtt'].join('.')}>`;
  const sub = substituted.safeParse(value);
  if (sub.success) return sub.data['Fn::Sub'].replace(/\$\{([^!}]+)\}/g, '<$1>');
  return `<${reference.parse(value).Ref}>`;
}
