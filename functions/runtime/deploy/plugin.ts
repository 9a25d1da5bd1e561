/**
 * The plugin of the Serverless Framework: `${holdfast:resources}` in serverless.yml stands for what a plan file asks for,
 * `${holdfast(file):definition}` for the text of a state machine, each function is bundled into a package of its own, and vaults in other
 * regions get their stacks before the main one is deployed. AWS is asked for nothing but by `deploy` and `remove`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Json } from '../../core/entry.ts';
import { BackupError, InvalidInputError } from '../../core/errors.ts';
import type { HoldfastConfig } from '../../core/plan.ts';
import { type AwsProvider, awsAccount } from './aws-account.ts';
import { bundleFunction } from './bundle.ts';
import { type Deployment, deployment } from './deployment.ts';
import { findExistingBuckets } from './existing-buckets.ts';
import { FUNCTION_NAMES, functionKey } from './function-names.ts';
import { deleteVaultStacks, deployVaultStacks, writeVaultTemplates } from './packaged-vault-stacks.ts';
import { type PlanSource, readPlanSource } from './plan-source.ts';
import { vaultBuckets } from './vault-buckets.ts';

/** What is used of the framework's own objects. */
export interface Serverless {
  readonly serviceDir: string;
  /** An error whose message is for the user; of any other the framework shows the stack. */
  readonly classes: { readonly Error: new (message: string, code: string) => Error };
  readonly processedInput: { readonly commands: readonly string[] };
  readonly service: { getFunction(name: string): { package?: { artifact?: string } } };
  readonly pluginManager: { readonly plugins: readonly object[] };
  getProvider(name: 'aws'): AwsProvider;
}

interface Zipper {
  zipFiles(files: readonly string[], zipName: string, prefix: string): Promise<string>;
}

export interface Resolution {
  readonly address: string | null;
  readonly params: readonly string[] | null;
  resolveConfigurationProperty(path: readonly string[]): Promise<unknown>;
  resolveVariable(variable: string): Promise<unknown>;
}

interface Log {
  warning(text: string): void;
  notice(text: string): void;
}

const list = z.string().transform((text) => text.split(',').flatMap((part) => part.trim() || []));
/** `custom.holdfast` in serverless.yml. */
const settingsSchema = z.strictObject({
  config: z.string(),
  existingVaults: list,
  restoreTargets: list,
  passRoles: list,
});
type Settings = z.output<typeof settingsSchema>;

interface Where {
  readonly service: string;
  readonly region: string;
  readonly stage: string;
}

class HoldfastPlugin {
  readonly configurationVariablesSources = {
    holdfast: {
      resolve: async (resolution: Resolution) => ({ value: await this.#forUser(this.#resolve(resolution)) }),
    },
  };

  readonly hooks = {
    'before:package:createDeploymentArtifacts': async () => await this.#forUser(this.#bundle()),
    'before:package:function:package': async () => await this.#forUser(this.#bundle()),
    'after:package:createDeploymentArtifacts': async () => await this.#forUser(this.#writeVaultTemplates()),
    'before:aws:deploy:deploy:createStack': async () => await this.#forUser(this.#deployVaultStacks()),
    'after:remove:remove': async () => await this.#forUser(this.#removeVaultStacks()),
  };

  readonly #serverless: Serverless;
  readonly #options: { readonly package?: string };
  readonly #log: Log;
  #plan: Promise<PlanSource> | undefined;
  #derived: Promise<Deployment> | undefined;

  constructor(serverless: Serverless, options: { readonly package?: string }, { log }: { readonly log: Log }) {
    this.#serverless = serverless;
    this.#options = options;
    this.#log = log;
  }

  async #forUser<Value>(work: Promise<Value>): Promise<Value> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof BackupError) throw new this.#serverless.classes.Error(error.message, error.name);
      throw error;
    }
  }

  async #resolve({ address, params, ...resolution }: Resolution): Promise<Json> {
    switch (address) {
      case 'resources':
        return escaped((await this.#deployment(resolution)).Resources);
      case 'definition':
        return escaped(await this.#definition(params?.[0] ?? ''));
      default:
        throw new InvalidInputError(`\${holdfast:${address}} is unknown; there are resources and definition`);
    }
  }

  /** A state machine's JSON on one line, without the spaces that a person reads it by. */
  async #definition(file: string): Promise<string> {
    return JSON.stringify(JSON.parse(await readFile(join(this.#serverless.serviceDir, file), 'utf8')));
  }

  async #deployment({
    resolveConfigurationProperty,
    resolveVariable,
  }: Pick<Resolution, 'resolveConfigurationProperty' | 'resolveVariable'>): Promise<Deployment> {
    const settings = settingsSchema.parse(await resolveConfigurationProperty(['custom', 'holdfast']));
    const service = z.string().parse(await resolveConfigurationProperty(['service']));
    const region = z.string().parse(await resolveConfigurationProperty(['provider', 'region']));
    const stage = z.string().parse(await resolveVariable('sls:stage'));
    this.#derived ??= this.#derive(settings, { service, region, stage });
    return await this.#derived;
  }

  async #derive(settings: Settings, where: Where): Promise<Deployment> {
    this.#plan = readPlanSource({
      projectFolder: this.#serverless.serviceDir,
      setting: settings.config,
      deploying: this.#serverless.processedInput.commands[0] === 'deploy',
    });
    const { config, notices } = await this.#plan;
    const found = await this.#existingVaults(config, settings, where);
    const { restoreTargets, passRoles, existingVaults: named } = settings;
    const derived = deployment(config, {
      ...where,
      restoreTargets,
      passRoles,
      existingVaults: [...named, ...found],
    });
    for (const notice of [...notices, ...derived.notices]) this.#log.warning(notice);
    return derived;
  }

  /** Vaults whose buckets are there already. A package that was made before is deployed as it is, and packaging works without AWS. */
  async #existingVaults(config: HoldfastConfig, settings: Settings, where: Where): Promise<readonly string[]> {
    const { region } = where;
    const command = this.#serverless.processedInput.commands.join(' ');
    if (command !== 'deploy' || this.#options.package !== undefined) return [];
    const { vaults, notices, warnings } = await findExistingBuckets(
      vaultBuckets(config, { region, existing: settings.existingVaults }),
      this.#account(),
      { stack: `${where.service}-${where.stage}`, region },
    );
    for (const notice of notices) this.#log.notice(notice);
    for (const warning of warnings) this.#log.warning(warning);
    return vaults;
  }

  async #bundle(): Promise<void> {
    const { serviceDir, service, pluginManager } = this.#serverless;
    const zipper = pluginManager.plugins.find((plugin): plugin is Zipper => 'zipFiles' in plugin);
    if (zipper === undefined || this.#plan === undefined) throw withoutResources();
    const { text } = await this.#plan;
    for (const name of FUNCTION_NAMES) {
      const folder = join(this.#buildFolder(), 'bundles', name);
      const { files } = await bundleFunction({
        entry: join(serviceDir, 'functions', `${name}.ts`),
        folder,
        plan: text,
      });
      const artifact = await zipper.zipFiles(files, `${name}.zip`, folder);
      service.getFunction(functionKey(name)).package = { artifact };
    }
  }

  async #writeVaultTemplates(): Promise<void> {
    await writeVaultTemplates(this.#buildFolder(), (await this.#known()).vaultStacks);
  }

  async #deployVaultStacks(): Promise<void> {
    const { vaultStacks } = await this.#known();
    for await (const said of deployVaultStacks(this.#buildFolder(), vaultStacks, this.#account()))
      this.#log.notice(said);
  }

  async #removeVaultStacks(): Promise<void> {
    const { vaultStacks } = await this.#known();
    for await (const said of deleteVaultStacks(vaultStacks, this.#account())) this.#log.notice(said);
  }

  /** `package --package` moves it to another place at the end, and `deploy --package` copies that back at the beginning. */
  #buildFolder(): string {
    return join(this.#serverless.serviceDir, '.serverless');
  }

  #account() {
    return awsAccount(this.#serverless.getProvider('aws'));
  }

  async #known(): Promise<Deployment> {
    if (this.#derived === undefined) throw withoutResources();
    return await this.#derived;
  }
}

const withoutResources = () =>
  new InvalidInputError(`serverless.yml must hold \${holdfast:resources}, from which the plan file is known`);

/** Values of a variable are searched for variables again; `${…}` in a key of the user's is none. */
function escaped(value: Json): Json {
  if (typeof value === 'string')
    return value.replace(/(\\*)\$\{/g, (_, slashes: string) => `${slashes}${slashes}\\\${`);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(escaped);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, escaped(inner)]));
}

// The framework loads a plugin with require, which gets exactly this.
export { HoldfastPlugin as 'module.exports' };
