/** Brings about the code and the configuration of a function, and its published versions. */
import {
  CreateFunctionCommand,
  type FunctionConfiguration,
  GetFunctionCommand,
  type GetFunctionCommandOutput,
  PublishVersionCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { canonicalJson } from '../../core/canonical-json.ts';
import { InvalidInputError, TransientError } from '../../core/errors.ts';
import type { FunctionDocument, VersionDocument } from './document.ts';
import { toJson } from './documenting.ts';
import { codeOf, isAbsent, isRefusal } from './errors.ts';
import { codeText, type WritePlan, withLayers } from './plan.ts';
import type { FunctionReader } from './read.ts';
import { settingsOf, updateOf } from './settings.ts';

export interface Deployed {
  /** The function's. */
  readonly arn: string;
  /** By place in the document, the number that the version has. */
  readonly versions: ReadonlyMap<string, string>;
  /** What was not brought about, or otherwise than it was, by name. */
  readonly left: readonly string[];
}

interface Deployment extends FunctionReader {
  readonly name: string;
  readonly document: FunctionDocument;
  readonly files: ReadonlyMap<string, Buffer>;
  /** By stored ARN. */
  readonly arns: ReadonlyMap<string, string>;
}

const PAUSE_MS = 1_000;
/** A function in a VPC, or of a large image, takes minutes to become active. */
const PAUSES = 600;

/**
 * First `$LATEST` as it shall be, so that what Lambda refuses is refused before a version is published in its place; then the versions, oldest first; then
 * `$LATEST` again.
 */
export async function deploy(
  reader: FunctionReader,
  name: string,
  document: FunctionDocument,
  plan: WritePlan,
  files: ReadonlyMap<string, Buffer>,
): Promise<Deployed> {
  const { layers, left } = await publishLayers(reader, plan, files);
  const deployment: Deployment = { ...reader, name, document, files, arns: layers };
  let latest = await bring(deployment, document.latest);
  const versions = new Map(plan.versions);
  for (const index of plan.versionsToPublish) {
    const version = document.versions[index];
    if (version === undefined) continue;
    const place = String(index + 1);
    try {
      const number = await publish(deployment, version);
      versions.set(place, number);
      if (number !== place) left.push(`version ${place} of those in the snapshot (it has the number ${number} now)`);
    } catch (error) {
      // Also what Lambda took and could not bring about: the function must not be left as this version is.
      if (!isRefusal(error) && !(error instanceof InvalidInputError)) throw error;
      const why = error instanceof InvalidInputError ? error.message : codeOf(error);
      left.push(`version ${place} of those in the snapshot (${why})`);
    }
  }
  if (plan.versionsToPublish.length > 0) latest = await bring(deployment, document.latest);
  return { arn: latest.FunctionArn ?? '', versions, left };
}

async function publishLayers(reader: FunctionReader, plan: WritePlan, files: ReadonlyMap<string, Buffer>) {
  const layers = new Map(plan.layers);
  const left: string[] = [];
  for (const layer of plan.layersToPublish) {
    const zip = files.get(layer.stored?.file ?? '');
    if (zip === undefined) throw new TypeError('a layer that is published was read');
    const arn = await reader.layers.publish(layer, zip);
    layers.set(layer.arn, arn);
    left.push(`layer ${layer.arn} (it is ${arn} now)`);
  }
  return { layers, left };
}

async function publish(deployment: Deployment, version: VersionDocument): Promise<string> {
  await bring(deployment, version);
  const { Version } = await deployment.client.send(new PublishVersionCommand({ FunctionName: deployment.name }));
  if (Version === undefined) throw new TypeError('Lambda published a version without a number');
  await settled(deployment, Version);
  return Version;
}

/** Makes `$LATEST` such a version; what is so already is not touched. */
async function bring(deployment: Deployment, stored: VersionDocument): Promise<FunctionConfiguration> {
  const { client, name: FunctionName, arns } = deployment;
  const version = withLayers(stored, arns);
  const there = await find(deployment);
  if (there === undefined) return create(deployment, version);
  const { Configuration = {}, Code } = await rested(deployment);
  const now: VersionDocument = {
    settings: settingsOf(Configuration, `function ${FunctionName}`),
    code:
      Configuration.PackageType === 'Image'
        ? { imageUri: Code?.ResolvedImageUri ?? Code?.ImageUri ?? '' }
        : { file: '', sha256: Configuration.CodeSha256 ?? '', sizeBytes: Configuration.CodeSize ?? 0 },
  };
  // What it failed at is perhaps what the restore is for; whether it does now shows after the last change, which is made in any case.
  const isBroken = findFailure(Configuration) !== undefined;
  if (codeText(now) !== codeText(version)) {
    const { Architectures } = version.settings;
    const { codeKmsKeyArn: SourceKMSKeyArn } = deployment.document;
    const code = codeRequest(deployment, version);
    await client.send(new UpdateFunctionCodeCommand({ FunctionName, ...code, Architectures, SourceKMSKeyArn }));
    await (isBroken ? rested : settled)(deployment);
  }
  if (textOf(now) === textOf(version) && !isBroken) return Configuration;
  const { Role, ...update } = updateOf(version.settings, FunctionName);
  // To name a role is to pass it on (iam:PassRole), also one that is the function's already.
  const role = Role === Configuration.Role ? {} : { Role };
  const changed = await client.send(new UpdateFunctionConfigurationCommand({ ...update, ...role }));
  await settled(deployment);
  return changed;
}

const textOf = ({ settings: { Architectures: _, ...settings } }: VersionDocument): string =>
  canonicalJson(toJson(settings));

async function create(deployment: Deployment, version: VersionDocument): Promise<FunctionConfiguration> {
  const { client, name: FunctionName, document } = deployment;
  const Code = { ...codeRequest(deployment, version), SourceKMSKeyArn: document.codeKmsKeyArn };
  // With its tags from the first moment: policies may allow only what is tagged so.
  const made = await client.send(
    new CreateFunctionCommand({ ...version.settings, FunctionName, Code, Tags: document.tags }),
  );
  await settled(deployment);
  return made;
}

function codeRequest({ files, name }: Deployment, { code }: VersionDocument) {
  if ('imageUri' in code) return { ImageUri: code.imageUri };
  const ZipFile = files.get(code.file);
  if (ZipFile !== undefined) return { ZipFile };
  throw new TransientError(`function ${name}: its code was changed while it was written; try again when it rests`);
}

async function find({ client, name }: Deployment): Promise<GetFunctionCommandOutput | undefined> {
  try {
    return await client.send(new GetFunctionCommand({ FunctionName: name }));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Waits until Lambda has done what it was asked for. @throws InvalidInputError when Lambda could not do it. */
async function settled(deployment: Deployment, Qualifier?: string): Promise<GetFunctionCommandOutput> {
  const found = await rested(deployment, Qualifier);
  const failure = findFailure(found.Configuration ?? {});
  if (failure === undefined) return found;
  throw new InvalidInputError(
    `function ${deployment.name}: Lambda could not ${failure}; mend what it names, then restore again`,
  );
}

function findFailure(found: FunctionConfiguration): string | undefined {
  const { State, StateReason, LastUpdateStatus, LastUpdateStatusReason } = found;
  if (State === 'Failed') return `make it (${StateReason})`;
  return LastUpdateStatus === 'Failed' ? `change it (${LastUpdateStatusReason})` : undefined;
}

/** Waits until Lambda is at rest, whatever came of it; until then it refuses the next change. */
async function rested({ client, name, sleep }: Deployment, Qualifier?: string): Promise<GetFunctionCommandOutput> {
  const version = Qualifier === undefined ? {} : { Qualifier };
  for (let pause = 0; pause < PAUSES; pause += 1) {
    const found = await client.send(new GetFunctionCommand({ FunctionName: name, ...version }));
    const { State, LastUpdateStatus } = found.Configuration ?? {};
    if (State !== 'Pending' && LastUpdateStatus !== 'InProgress') return found;
    await sleep(PAUSE_MS);
  }
  throw new TransientError(
    `function ${name}: Lambda was not ready with a change within ${(PAUSES * PAUSE_MS) / 60_000} minutes; try again later`,
  );
}
