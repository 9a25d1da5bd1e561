/**
 * A plan says which sources, when, into which vaults, kept how long, with which objectives. These schemas define what
 * holdfast.yml may hold; `runtime/plan-file.ts` reads the file and names the line of what is wrong.
 */
import * as z from 'zod';
import { verifyLevelSchema } from './catalogue-records.ts';
import { InvalidInputError } from './errors.ts';
import type { ReadOptions } from './ports.ts';
import { asFolder, formatUri, overlap, type PlaceUri, parseUri, parseVaultUri } from './uri.ts';

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90m`, `4h`, `30d` → seconds. */
export const durationSchema = z
  .string()
  .regex(/^\d{1,6}[smhd]$/, 'is not a duration; write a number and s, m, h or d, such as 90m')
  .transform((text) => Number(text.slice(0, -1)) * (SECONDS[text.slice(-1)] ?? 0));

/** `50%` → 0.5 */
export const shareSchema = z
  .string()
  .regex(/^(100|\d{1,2}(\.\d+)?)%$/, 'is not a share; write a percentage such as 5%')
  .transform((text) => Number(text.slice(0, -1)) / 100);

const name = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/, 'is not a name; use 1 to 40 of a-z, 0-9 and -');

const uriBy = (parse: (text: string) => PlaceUri) =>
  z.string().transform((text, context) => {
    try {
      return formatUri(parse(text));
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });
const placeUri = uriBy(parseUri);

/** Becomes a part of a host name. Stores other than AWS have regions of their own; `eu-west-1a` is a zone within one. */
const region = z
  .string()
  .regex(/^(?!.*-\d+[a-z]$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'is no region; write its code, such as eu-west-1');

export const vaultSchema = z.strictObject({
  url: uriBy(parseVaultUri),
  region: region.optional(),
  lock: z
    .strictObject({ mode: z.enum(['governance', 'compliance']), days: z.number().int().min(1).max(36_500) })
    .optional(),
});

const exportPlace = uriBy((text) => {
  const uri = parseUri(text);
  if (uri.scheme !== 's3') throw new InvalidInputError(`"${text}" cannot hold an export; write s3://bucket/prefix`);
  return uri;
});
const sandboxPlace = uriBy((text) => {
  const uri = parseUri(text);
  if (uri.scheme === 's3' || uri.scheme === 'file') return uri;
  throw new InvalidInputError(
    `"${text}" is no place for sandboxes; write s3://bucket/prefix or file:///absolute/path (tables, parameters and secrets need none)`,
  );
});

/** What only a table has. */
const tableOptions = {
  /** `scan` reads the table; `export` has DynamoDB export it from its point-in-time recovery, which takes no read capacity. */
  engine: z.enum(['scan', 'export']).optional(),
  /** False halves what a scan costs, and may miss what was written in the last second before it. */
  consistentReads: z.boolean().optional(),
  maxReadUnitsPerSecond: z.number().positive().optional(),
  /** Where exports are put; deployed the work bucket serves. */
  exportTo: exportPlace.optional(),
};

/** Workers that read one source at once, deployed, where the plan does not say: five sources take half of an account's default 1,000 concurrent executions then. */
export const DEFAULT_CONCURRENCY = 100;
const concurrency = z.number().int().min(1).max(1000).optional();

export const sourceSchema = z
  .union([
    placeUri,
    z.strictObject({ uri: placeUri, expectEmpty: z.boolean().optional(), concurrency, ...tableOptions }),
  ])
  .transform((source): SourceConfig => (typeof source === 'string' ? { uri: source } : source))
  .superRefine((source, context) => {
    if (parseUri(source.uri).scheme === 'dynamodb') return;
    for (const option of Object.keys(tableOptions))
      if (option in source) {
        const message = `is an option of dynamodb:// sources, and ${source.uri} is none`;
        context.addIssue({ code: 'custom', path: [option], message });
      }
  });

export interface SourceConfig extends ReadOptions {
  readonly uri: string;
  readonly expectEmpty?: boolean | undefined;
  /** Workers that read it at once, at most; `DEFAULT_CONCURRENCY` unless given. */
  readonly concurrency?: number | undefined;
}

// EventBridge Scheduler user guide, "Schedule types": cron(6 fields) or rate(value unit).
const scheduleExpression = z
  .string()
  .regex(
    /^(cron\(\S+( \S+){5}\)|rate\([1-9]\d* (minute|minutes|hour|hours|day|days)\))$/,
    'is no schedule; write rate(1 hour) or cron(0 2 ? * SUN *)',
  );

export const planSchema = z.strictObject({
  sources: z.array(sourceSchema).min(1),
  vault: name,
  replicateTo: z.array(name).default([]),
  schedule: z
    .strictObject({
      full: scheduleExpression.optional(),
      differential: scheduleExpression.optional(),
      incremental: scheduleExpression.optional(),
      timezone: z.string().min(1).default('UTC'),
    })
    .optional(),
  /** `independent`: a full writes every byte again instead of reusing chunks that are there. */
  full: z.enum(['reuse', 'independent']).default('reuse'),
  retention: z
    .strictObject({
      keepLast: z.number().int().nonnegative().optional(),
      keepHourly: z.number().int().nonnegative().optional(),
      keepDaily: z.number().int().nonnegative().optional(),
      keepWeekly: z.number().int().nonnegative().optional(),
      keepMonthly: z.number().int().nonnegative().optional(),
      keepYearly: z.number().int().nonnegative().optional(),
    })
    .optional(),
  objectives: z.strictObject({ rpo: durationSchema.optional(), rto: durationSchema.optional() }).default({}),
  verify: z
    .strictObject({
      after: z.enum(['every', 'never']).default('every'),
      level: verifyLevelSchema.default('restore'),
      sample: shareSchema.default(1),
      coverWithin: durationSchema.optional(),
      drill: z.enum(['daily', 'weekly', 'monthly']).optional(),
      maxAge: durationSchema.optional(),
      /** Where restores of objects and files for verification go; without it the work place serves. Tables, parameters and secrets get names of our own. */
      sandbox: sandboxPlace.optional(),
    })
    .prefault({}),
  guard: z.strictObject({ maxRemoved: shareSchema.default(0.5) }).prefault({}),
  notify: z.array(z.email()).default([]),
});

/** A vault's place; what follows its prefix is another name, as in a folder. */
function folderOf(url: string): PlaceUri {
  const uri = parseUri(url);
  return uri.scheme === 's3' ? asFolder(uri) : uri;
}

export const configSchema = z
  .strictObject({
    /** `embedded`, or `dynamodb://table`. */
    catalogue: z
      .string()
      .regex(
        /^(embedded|dynamodb:\/\/[A-Za-z0-9_.-]{3,255})$/,
        'is no catalogue; write embedded or dynamodb://table-name',
      )
      .default('embedded'),
    /** The key file that opens the vaults where no passphrase is given; relative to holdfast.yml. */
    keyFile: z.string().min(1).optional(),
    vaults: z.record(name, vaultSchema).refine((vaults) => Object.keys(vaults).length > 0, 'needs at least one vault'),
    plans: z.record(name, planSchema).refine((plans) => Object.keys(plans).length > 0, 'needs at least one plan'),
  })
  .superRefine((config, context) => {
    const vaults = Object.entries(config.vaults);
    for (const [index, [name, { url }]] of vaults.entries()) {
      for (const [other, { url: otherUrl }] of vaults.slice(0, index)) {
        if (!overlap(folderOf(url), folderOf(otherUrl))) continue;
        const message = `overlaps with vault "${other}" (${otherUrl}); a copy in the same place is no copy`;
        context.addIssue({ code: 'custom', path: ['vaults', name, 'url'], message });
      }
    }
    for (const [planName, plan] of Object.entries(config.plans)) {
      const path = ['plans', planName];
      const unknown = (vault: string) =>
        `names vault "${vault}", which is not under vaults (${Object.keys(config.vaults).join(', ')})`;
      if (!Object.hasOwn(config.vaults, plan.vault))
        context.addIssue({ code: 'custom', path: [...path, 'vault'], message: unknown(plan.vault) });
      for (const [index, replica] of plan.replicateTo.entries()) {
        const at = [...path, 'replicateTo', index];
        if (!Object.hasOwn(config.vaults, replica))
          context.addIssue({ code: 'custom', path: at, message: unknown(replica) });
        if (replica === plan.vault)
          context.addIssue({ code: 'custom', path: at, message: `is the plan's own vault "${replica}"` });
      }
      for (const [index, source] of plan.sources.entries()) {
        for (const [vaultName, vault] of Object.entries(config.vaults)) {
          if (!overlap(parseUri(source.uri), folderOf(vault.url))) continue;
          const message = `overlaps with vault "${vaultName}" (${vault.url}), so that each backup would back up the backups; keep them apart`;
          context.addIssue({ code: 'custom', path: [...path, 'sources', index], message });
        }
      }
      const uris = plan.sources.map((source) => source.uri);
      for (const [index, uri] of uris.entries()) {
        if (uris.indexOf(uri) !== index)
          context.addIssue({
            code: 'custom',
            path: [...path, 'sources', index],
            message: `names ${uri} a second time`,
          });
      }
    }
  });

export type HoldfastConfig = z.output<typeof configSchema>;
export type Plan = z.output<typeof planSchema>;
export type VaultConfig = z.output<typeof vaultSchema>;

/** Recovery points outlive the plan that made them: whoever reads one asks so. */
export function findPlan(config: HoldfastConfig, plan: string): Plan | undefined {
  return Object.hasOwn(config.plans, plan) ? config.plans[plan] : undefined;
}

/** @throws InvalidInputError naming the plans that there are. */
export function getPlan(config: HoldfastConfig, plan: string): Plan {
  const found = findPlan(config, plan);
  if (found === undefined)
    throw new InvalidInputError(`there is no plan "${plan}"; holdfast.yml has ${Object.keys(config.plans).join(', ')}`);
  return found;
}

/** @throws InvalidInputError naming the vaults that there are. */
export function getVaultConfig(config: HoldfastConfig, vault: string): VaultConfig {
  const found = Object.hasOwn(config.vaults, vault) ? config.vaults[vault] : undefined;
  if (found === undefined)
    throw new InvalidInputError(
      `there is no vault "${vault}"; holdfast.yml has ${Object.keys(config.vaults).join(', ')}`,
    );
  return found;
}
