/** Decides what of a stored function must be uploaded: nothing that is there already, under whatever number or ARN. */
import { canonicalJson } from '../../core/canonical-json.ts';
import { InvalidInputError } from '../../core/errors.ts';
import type { DescribedFunction } from './describe.ts';
import type { FunctionDocument, LayerDocument, StoredFile, VersionDocument } from './document.ts';
import { documentOf, toJson } from './documenting.ts';
import type { FunctionReader } from './read.ts';
import { withoutEmpty } from './settings.ts';

export interface WritePlan {
  /** Files of the archive to keep. */
  readonly files: ReadonlySet<string>;
  /** By stored ARN, under which ARN the layer is there. */
  readonly layers: ReadonlyMap<string, string>;
  readonly layersToPublish: readonly LayerDocument[];
  /** By place in the document, the number that the version has here. */
  readonly versions: ReadonlyMap<string, string>;
  /** Places of the versions to publish, oldest first. */
  readonly versionsToPublish: readonly number[];
  /** What is not brought about, by name. */
  readonly left: readonly string[];
}

/** What a request carries of a zip (Lambda developer guide, "Lambda quotas": 50 MB zipped, for direct upload). */
const UPLOAD_BYTES = 50 * 1024 * 1024;
/** Zips of one function held in memory. */
export const SPOOL_BYTES = 256 * 1024 * 1024;

/** @throws InvalidInputError when the function cannot be brought about without a zip that is too large to upload. */
export async function planWrite(
  reader: FunctionReader,
  name: string,
  document: FunctionDocument,
  there: DescribedFunction | undefined,
): Promise<WritePlan> {
  const { layers, layersToPublish, left } = await planLayers(reader, document);
  const had = there === undefined ? undefined : documentOf(there, []);
  const versions = new Map<string, string>();
  const missing: number[] = [];
  for (const [index, version] of document.versions.entries()) {
    const text = textOf(withLayers(version, layers));
    const same = had?.versions.findIndex((each) => textOf(each) === text) ?? -1;
    const number = there?.versions[same]?.Version;
    if (number === undefined) missing.push(index);
    else versions.set(String(index + 1), number);
  }
  // Publishing takes what is `$LATEST` at that moment: on a function that has versions it is done only for what would point nowhere else.
  const used = usedPlaces(document);
  const fresh = there === undefined || there.versions.length === 0;
  const files = new Map<string, StoredFile>();
  for (const { stored } of layersToPublish) if (stored !== undefined) files.set(stored.file, stored);
  const { latest } = document;
  const asIs = had !== undefined && codeText(had.latest) === codeText(latest);
  if ('file' in latest.code && !asIs) files.set(latest.code.file, latest.code);
  refuseTooLarge([...files.values()], name);
  const versionsToPublish: number[] = [];
  for (const index of missing) {
    const code = document.versions[index]?.code;
    const names = `version ${index + 1} of those in the snapshot`;
    if (!fresh && !used.has(String(index + 1))) left.push(`${names} (nothing points to it)`);
    else if (code === undefined || !fits(code, latest.code, files))
      left.push(`${names} (its code is too large to upload)`);
    else {
      for (const each of [code, latest.code]) if ('file' in each) files.set(each.file, each);
      versionsToPublish.push(index);
    }
  }
  return { files: new Set(files.keys()), layers, layersToPublish, versions, versionsToPublish, left };
}

async function planLayers(reader: FunctionReader, document: FunctionDocument) {
  const layers = new Map<string, string>();
  const layersToPublish: LayerDocument[] = [];
  const left: string[] = [];
  for (const layer of document.layers) {
    const found = await reader.layers.find(layer);
    if (found !== undefined) layers.set(layer.arn, found);
    else if (layer.stored !== undefined) layersToPublish.push(layer);
    else left.push(`layer ${layer.arn} (it is gone, and was not copied)`);
    if (found !== undefined && found !== layer.arn) left.push(`layer ${layer.arn} (it is ${found} now)`);
  }
  return { layers, layersToPublish, left };
}

/** The version with its layers under the ARNs that they have here; a layer that is nowhere is left out. */
export function withLayers(version: VersionDocument, layers: ReadonlyMap<string, string>): VersionDocument {
  const Layers = version.settings.Layers?.flatMap((arn) => layers.get(arn) ?? []);
  return { ...version, settings: withoutEmpty({ ...version.settings, Layers }) };
}

/** What makes two versions the same: all but in which file of an archive the code is. */
const textOf = (version: VersionDocument): string =>
  canonicalJson(toJson({ settings: version.settings, code: codeText(version) }));

/** Its code, and the processors that it is for, which are set together. */
export const codeText = ({ code, settings }: VersionDocument): string =>
  canonicalJson(toJson(['file' in code ? code.sha256 : code.imageUri, settings.Architectures ?? null]));

/** Places of versions that something points to. */
function usedPlaces(document: FunctionDocument): ReadonlySet<string> {
  const { aliases, provisionedConcurrency, eventInvoke, eventSources } = document;
  return new Set([
    ...aliases.flatMap(({ version, weights }) => [version, ...Object.keys(weights ?? {})]),
    ...[...provisionedConcurrency, ...eventInvoke, ...eventSources].map(({ qualifier }) => qualifier),
  ]);
}

function fits(
  code: VersionDocument['code'],
  latest: VersionDocument['code'],
  files: ReadonlyMap<string, StoredFile>,
): boolean {
  const all = new Map(files);
  for (const each of [code, latest]) if ('file' in each) all.set(each.file, each);
  const sizes = [...all.values()].map(({ sizeBytes }) => sizeBytes);
  return sizes.every((size) => size <= UPLOAD_BYTES) && sizes.reduce((sum, size) => sum + size, 0) <= SPOOL_BYTES;
}

function refuseTooLarge(files: readonly StoredFile[], name: string): void {
  const large = files.find(({ sizeBytes }) => sizeBytes > UPLOAD_BYTES);
  if (large !== undefined)
    throw new InvalidInputError(
      `function ${name}: ${large.file} has ${large.sizeBytes} bytes, and Lambda takes ${UPLOAD_BYTES} in a request; write the archive to a file with holdfast cat, and deploy ${large.file} through S3`,
    );
}
