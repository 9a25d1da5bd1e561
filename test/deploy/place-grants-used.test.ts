/** What the sources ask AWS for, against what the roles allow on them, both ways: no request without a grant, no grant without a request. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deployment } from '../../functions/runtime/deploy/deployment.ts';
import { type FunctionName, pascalCase } from '../../functions/runtime/deploy/function-names.ts';
import { allStatementsOf, ROOT } from './package.ts';
import { planFile, STACK } from './plans.ts';

const { Resources } = deployment(
  planFile(`
vaults: { main: { url: "s3://main-vault" } }
plans:
  app:
    sources: [{ uri: dynamodb://orders, engine: export }, ssm:///acme/, secretsmanager://acme/, lambda://acme-*]
    vault: main`),
  STACK,
);

/** The actions of a service that a function may do to anything that is not the stack's own. */
function actionsOf(name: FunctionName, service: string): readonly string[] {
  const own = /^<(CatalogueTable|WorkBucket)\.Arn>|:parameter\/holdfast\/test\/key\//;
  const statements = allStatementsOf(Resources, `${pascalCase(name)}Role`).filter(
    ({ on }) => !on.every((arn) => own.test(arn)),
  );
  const actions = statements.flatMap(({ Action }) => Action).filter((action) => action.startsWith(`${service}:`));
  return [...new Set(actions)].sort();
}

/** Where IAM's prefix is not the client's own name. */
const PREFIXES: Readonly<Record<string, string>> = {
  'secrets-manager': 'secretsmanager',
  'application-auto-scaling': 'application-autoscaling',
};

/** Where a request asks for more, or other, than the action of its name (Service Authorization Reference; Lambda API reference, GetFunction). */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  'dynamodb:CreateTable': ['dynamodb:CreateTable', 'dynamodb:TagResource'],
  'ssm:PutParameter': ['ssm:PutParameter', 'ssm:AddTagsToResource'],
  'secretsmanager:CreateSecret': ['secretsmanager:CreateSecret', 'secretsmanager:TagResource'],
  'lambda:CreateFunction': ['lambda:CreateFunction', 'lambda:TagResource'],
  'lambda:GetFunction': ['lambda:GetFunction', 'lambda:ListTags'],
  'lambda:GetLayerVersionByArn': ['lambda:GetLayerVersion'],
};

/** The actions that the files of a kind ask for, found by the commands that they import from the clients. */
function requestsOf(files: RegExp): readonly string[] {
  const folder = join(ROOT, 'functions/sources');
  const texts = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => files.test(file) && file.endsWith('.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  const commands = texts.flatMap((text) =>
    [...text.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-([\w-]+)'/g)].flatMap(([, names = '', client = '']) =>
      [...names.matchAll(/\b(?:paginate(\w+)|(\w+)Command)\b/g)].map(
        ([, paginated, sent]) => `${PREFIXES[client] ?? client}:${paginated ?? sent}`,
      ),
    ),
  );
  return [...new Set(commands)]
    .filter((command) => !command.startsWith('s3:'))
    .flatMap((command) => ACTIONS[command] ?? [command]);
}

const isRead = (action: string): boolean => /:(Get|List|Describe|Scan)/.test(action);

interface Kind {
  readonly files: RegExp;
  readonly services: readonly string[];
  /** Which function reads entries. */
  readonly reader: FunctionName;
  /** Reads that only a restore or a verification makes. */
  readonly notRead: readonly string[];
  /** Requests that no restore makes. */
  readonly notRestored: readonly string[];
}

const KINDS: Readonly<Record<string, Kind>> = {
  tables: {
    files: /^dynamodb/,
    services: ['dynamodb', 'application-autoscaling'],
    reader: 'take-inventory',
    notRead: ['dynamodb:GetItem'],
    // A table is dropped as a sandbox only, and exported to be read.
    notRestored: ['dynamodb:DeleteTable', 'dynamodb:DescribeExport', 'dynamodb:ExportTableToPointInTime'],
  },
  parameters: { files: /^ssm/, services: ['ssm'], reader: 'take-snapshot', notRead: [], notRestored: [] },
  secrets: {
    files: /^secrets-manager/,
    services: ['secretsmanager'],
    reader: 'take-snapshot',
    notRead: [],
    notRestored: [],
  },
  functions: {
    files: /^lambda/,
    services: ['lambda'],
    reader: 'take-snapshot',
    // Looks for a layer that has to be published again.
    notRead: ['lambda:ListLayerVersions'],
    notRestored: [],
  },
};

describe.each(Object.entries(KINDS))('%s', (_, { files, services, reader, notRead, notRestored }) => {
  const requests = [...new Set(requestsOf(files))].sort();
  const allowedTo = (name: FunctionName) => services.flatMap((service) => actionsOf(name, service)).sort();

  it('are asked for by requests that this test found', () => {
    expect(requests.filter(isRead).length).toBeGreaterThan(0);
    expect(requests.filter((action) => !isRead(action)).length).toBeGreaterThan(0);
    expect(requests.filter((action) => !services.some((service) => action.startsWith(`${service}:`)))).toEqual([]);
  });

  it('are read by just the requests that are allowed', () => {
    const read = requests.filter((action) => isRead(action) && !notRead.includes(action));
    const exports = requests.filter((action) => action.endsWith(':ExportTableToPointInTime'));
    expect(allowedTo(reader)).toEqual([...read, ...exports].sort());
  });

  it('are restored by just the requests that are allowed', () => {
    expect(allowedTo('restore')).toEqual(requests.filter((action) => !notRestored.includes(action)));
  });

  it('are tried in sandboxes by requests that a restore makes, or that remove the sandbox', () => {
    const more = allowedTo('verify').filter((action) => !allowedTo('restore').includes(action));
    expect(more).toEqual(services.includes('dynamodb') ? ['dynamodb:DeleteTable'] : []);
    for (const action of allowedTo('verify')) expect(requests).toContain(action);
  });
});

/** The actions that a row of README's table of rights names, column by column; a name without a service is of the service named before it. */
function rightsIn(row: string): readonly (readonly string[])[] {
  const line = README.split('\n').find((one) => one.startsWith(`| ${row}`)) ?? '';
  return line
    .split('|')
    .slice(2, -1)
    .map((cell) => {
      let service = '';
      return [...cell.matchAll(/`(?:([\w-]+):)?([A-Z]\w+)`/g)].map(([, named, action = '']) => {
        service = named ?? service;
        return `${service}:${action}`;
      });
    });
}

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

describe('the table of rights in README', () => {
  it.each([
    ['`dynamodb://`', ['dynamodb', 'application-autoscaling']],
    ['`ssm://`', ['ssm']],
    ['`secretsmanager://`', ['secretsmanager']],
    ['`lambda://`', ['lambda']],
  ])('names for %s what a deployment grants to back up, and to restore', (row, services) => {
    const [read = [], restored = []] = rightsIn(row);
    expect(Math.min(read.length, restored.length)).toBeGreaterThan(3);
    const exported = services.includes('dynamodb') ? (rightsIn('engine `export`')[0] ?? []) : [];
    const ofServices = (actions: readonly string[]) =>
      [...new Set(actions)].filter((action) => services.some((service) => action.startsWith(`${service}:`))).sort();
    const granted = (names: readonly FunctionName[]) =>
      ofServices(names.flatMap((name) => services.flatMap((service) => actionsOf(name, service))));
    expect(ofServices([...read, ...exported])).toEqual(granted(['take-inventory', 'take-snapshot']));
    // Of functions it sums up the many that change one of what is read.
    const all = ofServices([...read, ...restored]);
    if (services.includes('lambda'))
      expect(granted(['restore'])).toEqual(expect.arrayContaining(all.filter((one) => one !== 'lambda:ListFunctions')));
    else expect(ofServices([...all, ...granted(['restore'])])).toEqual(all);
  });
});

/** What a sandbox leaves out: what runs functions, reaches into other regions and lets others in. */
const NOT_IN_SANDBOXES = [
  'secretsmanager:CancelRotateSecret',
  'secretsmanager:DeleteResourcePolicy',
  'secretsmanager:PutResourcePolicy',
  'secretsmanager:ReplicateSecretToRegions',
  'secretsmanager:RotateSecret',
];

it.each(['ssm', 'secretsmanager'])(
  'in a sandbox of %s everything is allowed but what a sandbox leaves out',
  (service) => {
    const restored = actionsOf('restore', service).filter((action) => !NOT_IN_SANDBOXES.includes(action));
    expect(actionsOf('verify', service)).toEqual(restored);
  },
);
