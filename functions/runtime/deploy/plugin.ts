/**
 * The plugin of the Serverless Framework: `${holdfast:resources}` and `${holdfast:outputs}` in serverless.yml stand for what a plan file
 * asks for, `${holdfast(file):definition}` for the text of a state machine, and each function is bundled into a package of its own.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import type { Json } from '../../core/entry.ts';
import { BackupError, InvalidInputError } from '../../core/errors.ts';
import { bundleFunction } from './bundle.ts';
import { type Deployment, deployment } from './deployment.ts';
import { FUNCTION_NAMES, functionKey } from './function-names.ts';
import { type PlanSource, readPlanSource } from './plan-source.ts';

/** What is used of the framework's own objects. */
interface Serverless {
  readonly serviceDir: string;
  /** An error whose message is for the user; of any other the framework shows the stack. */
  readonly classes: { readonly Error: new (message: string, code: string) => Error };
  readonly processedInput: { readonly commands: readonly string[] };
  readonly service: { getFunction(name: string): { package?: { artifact?: string } } };
  readonly pluginManager: { readonly plugins: readonly object[] };
}

interface Zipper {
  zipFiles(files: readonly string[], zipName: string, prefix: string): Promise<string>;
}

interface Resolution {
  readonly address: string | null;
  readonly params: readonly string[] | null;
  resolveConfigurationProperty(path: readonly string[]): Promise<unknown>;
  resolveVariable(variable: string): Promise<unknown>;
}

const list = z.string().transform((text) => text.split(',').flatMap((part) => part.trim() || []));
/** `custom.holdfast` in serverless.yml. */
const settingsSchema = z.strictObject({ config: z.string(), existingVaults: list, restoreTargets: list });

class HoldfastPlugin {
  readonly configurationVariablesSources = {
    holdfast: {
      resolve: async (resolution: Resolution) => ({ value: await this.#forUser(this.#resolve(resolution)) }),
    },
  };

  readonly hooks = {
    'before:package:createDeploymentArtifacts': async () => await this.#forUser(this.#bundle()),
    'before:package:function:package': async () => await this.#forUser(this.#bundle()),
  };

  readonly #serverless: Serverless;
  readonly #warn: (sentence: string) => void;
  #plan: Promise<PlanSource> | undefined;
  #derived: Promise<Deployment> | undefined;

  constructor(serverless: Serverless, _options: unknown, { log }: { readonly log: { warning(text: string): void } }) {
    this.#serverless = serverless;
    this.#warn = (sentence) => log.warning(sentence);
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
      case 'outputs':
        return escaped((await this.#deployment(resolution)).Outputs);
      case 'definition':
        return escaped(await this.#definition(params?.[0] ?? ''));
      default:
        throw new InvalidInputError(`\${holdfast:${address}} is unknown; there are resources, outputs and definition`);
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

  async #derive(
    { config, ...settings }: z.output<typeof settingsSchema>,
    where: { readonly service: string; readonly region: string; readonly stage: string },
  ): Promise<Deployment> {
    this.#plan = readPlanSource({
      projectFolder: this.#serverless.serviceDir,
      setting: config,
      deploying: this.#serverless.processedInput.commands[0] === 'deploy',
    });
    const plan = await this.#plan;
    const derived = deployment(plan.config, { ...where, ...settings });
    for (const notice of [...plan.notices, ...derived.notices]) this.#warn(notice);
    return derived;
  }

  async #bundle(): Promise<void> {
    const { serviceDir, service, pluginManager } = this.#serverless;
    const zipper = pluginManager.plugins.find((plugin): plugin is Zipper => 'zipFiles' in plugin);
    if (zipper === undefined || this.#plan === undefined)
      throw new InvalidInputError(`serverless.yml must hold \${holdfast:resources}, from which the plan file is known`);
    const { text } = await this.#plan;
    for (const name of FUNCTION_NAMES) {
      const folder = join(serviceDir, '.serverless', 'bundles', name);
      const { files } = await bundleFunction({
        entry: join(serviceDir, 'functions', `${name}.ts`),
        folder,
        plan: text,
      });
      const artifact = await zipper.zipFiles(files, `${name}.zip`, folder);
      service.getFunction(functionKey(name)).package = { artifact };
    }
  }
}

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
