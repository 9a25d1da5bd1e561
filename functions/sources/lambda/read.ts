/** Opens a function for reading. */
import { GetFunctionCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { translateAwsError } from '../../core/aws-errors.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { AccessDeniedError, BackupError, ConflictError, IntegrityError, messageOf } from '../../core/errors.ts';
import type { OpenedEntry } from '../../core/ports.ts';
import { type ArchivedFile, archiveSize, writeArchive } from './archive.ts';
import { type DescribedFunction, findFunction, LATEST } from './describe.ts';
import { CODE_FILE, DOCUMENT_FILE, type FunctionDocument, filesOf, type LayerDocument } from './document.ts';
import { attributesOf, documentOf, fingerprintOf, toJson } from './documenting.ts';
import { downloadZip, type Sleep } from './download.ts';
import { codeOf, isAbsent } from './errors.ts';
import type { Layers } from './layers.ts';

export interface FunctionReader {
  readonly client: LambdaClient;
  readonly layers: Layers;
  readonly sleep: Sleep;
}

/** A function's settings are read when it is opened, its code when its content is: what did not change costs no download. */
export async function openFunction(reader: FunctionReader, name: string): Promise<OpenedEntry> {
  try {
    const found = await findFunction(reader.client, name);
    if (found === undefined) return { state: 'gone' };
    const document = await readDocument(reader, found);
    const attributes = attributesOf(found);
    const files = archivedFiles(reader, found, document);
    return {
      state: 'open',
      fingerprint: fingerprintOf(found, document, attributes),
      sizeBytes: archiveSize(files),
      attributes,
      content: writeArchive(files),
    };
  } catch (error) {
    if (error instanceof AccessDeniedError || codeOf(error) === 'AccessDeniedException')
      return { state: 'unprotected', reason: `access denied (${messageOf(error)})`, denied: true };
    throw translateAwsError(error, `function ${name}: reading`);
  }
}

/** The document of a function that is there, with the layers that it uses, in the order of their ARNs. */
export async function readDocument({ layers }: FunctionReader, found: DescribedFunction): Promise<FunctionDocument> {
  const arns = [found.configuration, ...found.versions]
    .flatMap(({ Layers }) => Layers ?? [])
    .flatMap(({ Arn }) => Arn ?? []);
  const used: LayerDocument[] = [];
  for (const arn of [...new Set(arns)].toSorted()) used.push(await layers.read(arn));
  return documentOf(found, used);
}

function archivedFiles(reader: FunctionReader, found: DescribedFunction, document: FunctionDocument): ArchivedFile[] {
  const text = Buffer.from(canonicalJson(toJson(document)));
  const layerArns = new Map(document.layers.map(({ arn, stored }) => [stored?.file, arn]));
  const versions = new Map(
    found.versions.map(({ Version = '' }, index) => [`versions/${index + 1}/${CODE_FILE}`, Version]),
  );
  return [
    { name: DOCUMENT_FILE, sizeBytes: text.length, bytes: () => onePiece(text) },
    ...filesOf(document).map(({ file, sha256, sizeBytes }): ArchivedFile => {
      const layer = layerArns.get(file);
      const qualifier = versions.get(file) ?? LATEST;
      const name = layer === undefined ? `function ${found.name}: ${file}` : `layer ${layer}`;
      const locate = () =>
        layer === undefined ? locateCode(reader, found.name, qualifier, sha256) : reader.layers.locate(layer);
      const mismatch = async (how: string) => {
        // A function that was changed meanwhile gets other bytes under its address.
        await locate();
        return new IntegrityError(`${name}: Lambda's zip is damaged, ${how}; deploy it anew, then run again`);
      };
      return {
        name: file,
        sizeBytes,
        bytes: () => downloadZip({ sha256, sizeBytes, name, locate, mismatch }, reader.sleep),
      };
    }),
  ];
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

/** A fresh address of a version's code. @throws ConflictError when the function, or its code, is another than when it was opened. */
async function locateCode(reader: FunctionReader, name: string, qualifier: string, sha256: string): Promise<string> {
  const changed = (cause?: unknown) =>
    new ConflictError(`function ${name}: it was changed while it was read; read it again`, { cause });
  try {
    const named = qualifier === LATEST ? {} : { Qualifier: qualifier };
    const { Configuration, Code } = await reader.client.send(new GetFunctionCommand({ FunctionName: name, ...named }));
    if (Configuration?.CodeSha256 !== sha256) throw changed();
    if (Code?.Location !== undefined) return Code.Location;
    throw new IntegrityError(`function ${name}: Lambda gave no address of its code; run again`);
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw isAbsent(error) ? changed(error) : translateAwsError(error, `function ${name}: locating its code`);
  }
}
