/** `holdfast init`: the plan file, the key, the vaults and the catalogue, each made where it is missing; nothing is ever replaced. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { ConflictError, InvalidInputError } from '../../core/errors.ts';
import { KEY_FILE_BYTES, type Secret, type SlotRequest } from '../../core/keyring.ts';
import type { HoldfastConfig } from '../../core/plan.ts';
import { formatKeyFile } from '../../runtime/key-file.ts';
import { parsePlanFile } from '../../runtime/plan-file.ts';
import { assertApart } from '../apart.ts';
import { flag, value, values } from '../arguments.ts';
import { EXIT } from '../failure.ts';
import { plain } from '../figures.ts';
import { openLocalCatalogue } from '../local-catalogue.ts';
import { placeFrom } from '../places.ts';
import { FIRST_PLAN, planTemplate } from '../plan-template.ts';
import { ask, askSecret, canAsk } from '../prompt.ts';
import { exists, findGivenPassphrase, findKeyFilePath, KEY_FILE_NAME, readKeyFile } from '../secrets.ts';
import { type CommandContext, planFileOf, readPlanFile, STATE_FOLDER } from '../session.ts';
import { assertOpens, makeVaults, surveyVaults, type VaultSurvey } from '../vaults.ts';

/** What `init` made; nothing in a second one. */
export interface InitReport {
  readonly planFile: string;
  /** Each a sentence. */
  readonly created: readonly string[];
  /** What the user must do or know, each a sentence. */
  readonly notes: readonly string[];
}

export async function initCommand(context: CommandContext): Promise<number> {
  const { console } = context;
  const report = await initialise(context);
  await console.document(report);
  if (report.created.length === 0) await console.line('everything is there already; nothing was changed');
  for (const line of [...report.created, ...report.notes]) await console.line(plain(line));
  return EXIT.done;
}

/** The plan file as it is, or as it will be written. */
interface Draft {
  readonly config: HoldfastConfig;
  /** Set when the file is still to be written. */
  readonly text: string | undefined;
  readonly passphrase: Secret | undefined;
}

/** Makes what is missing. Everything is looked at before anything is written. */
export async function initialise(context: CommandContext): Promise<InitReport> {
  const planFile = planFileOf(context);
  const draft = (await exists(planFile))
    ? { config: await readPlanFile(planFile), text: undefined, passphrase: await findPassphrase(context, planFile) }
    : await draftPlan(context, planFile);
  const stateFolder = join(dirname(planFile), STATE_FOLDER);
  for (const plan of Object.keys(draft.config.plans)) await assertApart(draft.config, plan, stateFolder);
  const survey = await surveyVaults(draft.config);
  const catalogueFolder = join(stateFolder, 'catalogue');
  if (survey.found === undefined) await assertNothingKnown(draft.config, catalogueFolder);
  const key = await chooseKey(context, planFile, draft, survey);
  if (key !== undefined) assertOpens(survey, key.secret);
  const writeKey = await writeKeyFor(context, survey);
  const created: string[] = [];
  const notes: string[] = [];

  await mkdir(dirname(planFile), { recursive: true });
  if (key?.newFile !== undefined && key.secret.type === 'keyfile') {
    await mkdir(dirname(key.newFile), { recursive: true });
    await writeNew(key.newFile, formatKeyFile(key.secret.bytes), 0o600);
    created.push(`made the key file ${key.newFile}`);
    notes.push(`Keep a copy of ${key.newFile} elsewhere, away from this machine: without it nobody can restore.`);
  }
  if (draft.text !== undefined) {
    await writeNew(planFile, draft.text, 0o644);
    created.push(`wrote ${planFile}`);
  }
  const slots: SlotRequest[] = key === undefined ? [] : [{ secret: key.secret, kind: 'read' }];
  if (writeKey !== undefined) {
    const bytes = randomBytes(KEY_FILE_BYTES);
    await writeNew(writeKey, formatKeyFile(bytes), 0o600);
    created.push(`made the key file ${writeKey}, which can back up and cannot read back`);
    slots.push({ secret: { type: 'keyfile', bytes }, kind: 'write' });
  }
  created.push(...(await makeVaults(survey, slots)));
  const fresh = draft.config.catalogue === 'embedded' && !(await exists(catalogueFolder));
  await (await openLocalCatalogue(draft.config, catalogueFolder)).close();
  if (fresh) created.push(`made the catalogue ${catalogueFolder}`);
  if (fresh && survey.found !== undefined)
    notes.push('The vault was there before: "holdfast catalogue rebuild" brings what it holds into the catalogue.');
  if (draft.text !== undefined) notes.push(...(await nextSteps(draft.config)));
  return { planFile, created, notes };
}

/** New keys for vaults that the catalogue knows would hide that a disk is not mounted. @throws InvalidInputError */
async function assertNothingKnown(config: HoldfastConfig, catalogueFolder: string): Promise<void> {
  if (config.catalogue !== 'embedded' || !(await exists(catalogueFolder))) return;
  const opened = await openLocalCatalogue(config, catalogueFolder);
  try {
    for await (const { sourceUri, latest } of opened.catalogue.recoveryPoints.listStates()) {
      if (latest === undefined) continue;
      throw new InvalidInputError(
        `the catalogue knows recovery points of ${sourceUri}, but no vault of the plan is there: mount its disk, or correct its url; to begin anew, move ${catalogueFolder} away`,
      );
    }
  } finally {
    await opened.close();
  }
}

function findPassphrase({ shell, invocation }: CommandContext, planFile: string): Promise<Secret | undefined> {
  return findGivenPassphrase({ shell, invocation, planFile, keyFile: undefined });
}

async function draftPlan(context: CommandContext, planFile: string): Promise<Draft> {
  const { shell, invocation } = context;
  const folder = dirname(planFile);
  const asking = !flag(invocation, 'yes') && canAsk(shell);
  const given = values(invocation, 'source');
  if (!flag(invocation, 'yes') && !asking && given.length === 0)
    throw new InvalidInputError(
      `there is no ${planFile} and no terminal to ask at; give --source and --vault, or --yes for the defaults`,
    );
  const question = (text: string, preset: string) => (asking ? ask(shell, text, preset) : Promise.resolve(preset));
  const sources =
    given.length > 0
      ? given
      : [
          await question(
            'What to protect (a folder, or a URI such as s3://bucket/prefix or dynamodb://table)',
            join(folder, 'data'),
          ),
        ];
  const vault =
    value(invocation, 'vault') ??
    (await question('Where to keep it (a folder or s3://bucket/prefix)', join(folder, 'vault')));
  const passphrase = (await findPassphrase(context, planFile)) ?? (asking ? await askPassphrase(context) : undefined);
  const keyFile = passphrase === undefined ? await keyFileFor(context, planFile) : undefined;
  const text = planTemplate({
    sources: sources.map((source) => placeFrom(source, shell.folder)),
    vault: placeFrom(vault, shell.folder),
    keyFile,
  });
  return { config: parsePlanFile(text, planFile), text, passphrase };
}

/** Nothing typed means: a key file instead. */
async function askPassphrase({ shell }: CommandContext): Promise<Secret | undefined> {
  const passphrase = await askSecret(shell, 'Passphrase for the vault (empty: a key file instead)');
  if (passphrase === '') return undefined;
  if ((await askSecret(shell, 'The passphrase again')) !== passphrase)
    throw new InvalidInputError('the two passphrases are not the same; nothing was changed');
  return { type: 'passphrase', passphrase };
}

/** As it shall stand in the plan file: by its name where it lies beside it, else by its path. */
async function keyFileFor({ shell, invocation }: CommandContext, planFile: string): Promise<string> {
  const path = await findKeyFilePath({ shell, invocation, planFile, keyFile: undefined });
  if (path === undefined) return KEY_FILE_NAME;
  const way = relative(dirname(planFile), path);
  return way.startsWith('..') || isAbsolute(way) ? path : way;
}

/** Where a key that only backs up is to be written. @throws InvalidInputError when the keyring, or the file, is there already. */
async function writeKeyFor({ shell, invocation }: CommandContext, survey: VaultSurvey): Promise<string | undefined> {
  const given = value(invocation, 'write-key');
  if (given === undefined) return undefined;
  const path = resolve(shell.folder, given);
  if (survey.found !== undefined)
    throw new InvalidInputError('the vaults have their keyring already; --write-key is for the init that makes it');
  if (await exists(path)) throw new InvalidInputError(`${path} is there already; name a new file for --write-key`);
  if (!(await exists(dirname(path))))
    throw new InvalidInputError(`there is no folder ${dirname(path)} for --write-key; make it, or name another`);
  return path;
}

interface ChosenKey {
  readonly secret: Secret;
  /** Where the key file is to be written, when it is new. */
  readonly newFile?: string;
}

/** The key that is there, or a new key file where no vault has a descriptor that an older key belongs to. */
async function chooseKey(
  { shell, invocation }: CommandContext,
  planFile: string,
  draft: Draft,
  survey: VaultSurvey,
): Promise<ChosenKey | undefined> {
  if (draft.passphrase !== undefined) return { secret: draft.passphrase };
  const { keyFile } = draft.config;
  const path =
    (await findKeyFilePath({ shell, invocation, planFile, keyFile })) ?? resolve(dirname(planFile), KEY_FILE_NAME);
  if (await exists(path)) return { secret: await readKeyFile(path) };
  if (survey.found !== undefined) return undefined;
  return { secret: { type: 'keyfile', bytes: randomBytes(KEY_FILE_BYTES) }, newFile: path };
}

/** Creates a file, whole. @throws ConflictError when it came to be there meanwhile. */
async function writeNew(path: string, text: string, mode: number): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx', mode, flush: true });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')
      throw new ConflictError(`${path} came to be there while init was at work; start it again`, { cause });
    throw cause;
  }
}

async function nextSteps(config: HoldfastConfig): Promise<readonly string[]> {
  const notes: string[] = [];
  const uris = Object.values(config.plans).flatMap((plan) => plan.sources.map((source) => source.uri));
  for (const uri of uris) {
    if (uri.startsWith('file://') && !(await exists(uri.slice('file://'.length))))
      notes.push(`${uri} is not there yet: make it, or name another source in holdfast.yml.`);
  }
  notes.push(`Next: holdfast run ${FIRST_PLAN}`);
  return notes;
}
