import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleFunction } from '../../functions/runtime/deploy/bundle.ts';
import { deployedPlan, sourcesOf } from '../../functions/runtime/deploy/deployed-plan.ts';
import { FUNCTION_NAMES, type FunctionName, pascalCase } from '../../functions/runtime/deploy/function-names.ts';
import { functionRoles } from '../../functions/runtime/deploy/function-roles.ts';
import { EXAMPLE } from '../../functions/runtime/deploy/plan-source.ts';
import { allStatementsOf, ROOT } from './package.ts';
import { planFile } from './plans.ts';

const PLAN = readFileSync(join(ROOT, EXAMPLE), 'utf8');
const { config: CONFIG } = deployedPlan(planFile(PLAN));
const ROLES = functionRoles(CONFIG, { stage: 'test', targets: sourcesOf(CONFIG), passRoles: [] });

/** With which client a function does what a role allows, by the service's prefix in IAM; undefined where it takes none. */
const CLIENTS: Readonly<Record<string, string | undefined>> = {
  dynamodb: '@aws-sdk/client-dynamodb',
  events: '@aws-sdk/client-eventbridge',
  s3: '@aws-sdk/client-s3',
  ssm: '@aws-sdk/client-ssm',
  'application-autoscaling': '@aws-sdk/client-application-auto-scaling',
  lambda: '@aws-sdk/client-lambda',
  secretsmanager: '@aws-sdk/client-secrets-manager',
  // Through other services only.
  kms: undefined,
  iam: undefined,
  ec2: undefined,
  // Lambda's own doing.
  logs: undefined,
  xray: undefined,
};

/** Which kind a place is of shows when it is opened: whoever opens places holds the clients of all kinds. */
const OPENS_PLACES: readonly FunctionName[] = ['take-inventory', 'take-snapshot', 'verify', 'restore'];
const KINDS = ['s3', 'dynamodb', 'application-autoscaling', 'ssm', 'secretsmanager', 'lambda'];

/** The prefixes of all that a function's role allows. */
function servicesOf(name: FunctionName): readonly string[] {
  const actions = allStatementsOf(ROLES, `${pascalCase(name)}Role`).flatMap(({ Action }) => Action);
  return [...new Set(actions.map((action) => action.split(':')[0] ?? ''))];
}

const bundles = new Map<FunctionName, readonly string[]>();
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bundles-'));
  try {
    for (const name of FUNCTION_NAMES) {
      const entry = join(ROOT, 'functions', `${name}.ts`);
      const { metafile } = await bundleFunction({ entry, folder: join(folder, name), plan: PLAN });
      const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
      bundles.set(
        name,
        inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path),
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
afterAll(() => bundles.clear());

/** Every module of which something is in the bundle. */
function modulesOf(name: FunctionName): readonly string[] {
  const modules = bundles.get(name) ?? [];
  if (modules.length === 0) throw new Error(`${name} has no bundle`);
  return modules;
}

function packagesOf(name: FunctionName): ReadonlySet<string> {
  const found = modulesOf(name).flatMap((module) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(module)?.[1] ?? []);
  return new Set(found);
}

describe('a bundle', () => {
  it.each(FUNCTION_NAMES)('%s holds the clients for what its role allows, and no others', (name) => {
    const services = servicesOf(name);
    expect(services.filter((service) => !(service in CLIENTS))).toEqual([]);
    const clients = [...packagesOf(name)].filter((one) => one.startsWith('@aws-sdk/client-'));
    const needed = [...services, ...(OPENS_PLACES.includes(name) ? KINDS : [])];
    expect(clients.sort()).toEqual([...new Set(needed.flatMap((service) => CLIENTS[service] ?? []))].sort());
  });

  it.each(FUNCTION_NAMES)('%s puts metrics exactly when its operation does', (name) => {
    const operation = readFileSync(join(ROOT, 'functions/operations', `${name}.ts`), 'utf8');
    expect(packagesOf(name).has('@aws-lambda-powertools/metrics')).toBe(operation.includes('ports.metrics.put('));
  });

  it.each(FUNCTION_NAMES)('%s holds nothing of directories, which it cannot reach', (name) => {
    expect(modulesOf(name).filter((module) => /functions\/(sources|stores)\/files?\b/.test(module))).toEqual([]);
  });

  it.each(FUNCTION_NAMES)('%s speaks no language but English', (name) => {
    const locales = modulesOf(name).flatMap((module) => /zod\/v4\/locales\/(.+)/.exec(module)?.[1] ?? []);
    expect(locales).toEqual(['en.js']);
  });

  it.each(FUNCTION_NAMES)('%s holds no engine and no tool', (name) => {
    const foreign = ['serverless', 'esbuild', 'dynalite', 'aws-local-stepfunctions', '@aws-lambda-powertools/tracer'];
    expect(foreign.filter((one) => packagesOf(name).has(one))).toEqual([]);
    expect(modulesOf(name).filter((module) => /functions\/(local|runtime\/deploy)\//.test(module))).toEqual([]);
  });

  it.each(FUNCTION_NAMES)('%s holds no handler but its own', (name) => {
    const handlers = modulesOf(name).flatMap((module) => /(?:^|\/)functions\/([\w-]+)\.ts$/.exec(module)?.[1] ?? []);
    expect(handlers).toEqual([name]);
  });
});
