/**
 * The source `lambda://name*`. Entries are the functions whose names begin so, keyed by what follows, literally; the one of that name has the empty key,
 * as has the one function of `lambda://name`. A function's content is an archive of its document and of its zips (`lambda-document.ts`,
 * `lambda-archive.ts`).
 *
 * Not captured: the bytes of images, which their registry keeps; the resource policy, event sources and runtime management that are set on a single
 * version's number instead of an alias; who may use a layer; tags that AWS itself sets.
 */
import { setTimeout as after } from 'node:timers/promises';
import {
  type FunctionConfiguration,
  GetFunctionCommand,
  type LambdaClient,
  paginateListFunctions,
} from '@aws-sdk/client-lambda';
import { translateAwsError } from '../core/aws-errors.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { type Attributes, inRange, type KeyRange, keyFromText, type ListedEntry } from '../core/entry.ts';
import { NotFoundError } from '../core/errors.ts';
import type { ListedTarget } from '../core/ports.ts';
import { formatUri, type LambdaUri } from '../core/uri.ts';
import type { Sleep } from './lambda/download.ts';
import { isAbsent } from './lambda/errors.ts';
import { layersOf } from './lambda/layers.ts';
import { functionNameOf } from './lambda/names.ts';
import { type FunctionReader, openFunction } from './lambda/read.ts';
import { lambdaWriter } from './lambda/writer.ts';

/** Reads functions, and writes them back. Throttles and dropped connections are retried as the client is set up to. */
export function lambdaSource(client: LambdaClient, uri: LambdaUri, sleep: Sleep = after): ListedTarget {
  const reader: FunctionReader = { client, layers: layersOf(client), sleep };
  return {
    ...lambdaWriter(reader, uri),
    uri: formatUri(uri),
    list: (range) => list(client, uri, range),
    open: async ({ key }) => openFunction(reader, functionNameOf(uri, key)),
    settings: async () => ({ settings: {}, notCaptured: await notCaptured(reader, uri) }),
    attributesDiffer,
  };
}

async function* list(client: LambdaClient, uri: LambdaUri, range: KeyRange): AsyncGenerator<readonly ListedEntry[]> {
  const names = (await functionsOf(client, uri)).map(({ FunctionName = '' }) => FunctionName);
  const keys = names.map((name) => keyFromText(name.slice(uri.name.length))).toSorted();
  // A listing tells nothing of aliases, tags or concurrency: a function is opened to know whether it changed.
  yield keys.filter((key) => inRange(key, range)).map((key) => ({ key, fingerprint: undefined, sizeBytes: undefined }));
}

/** @throws NotFoundError when the one function is not there; of a beginning of names there may be none. */
async function functionsOf(client: LambdaClient, uri: LambdaUri): Promise<readonly FunctionConfiguration[]> {
  try {
    if (!uri.all) {
      const { Configuration } = await client.send(new GetFunctionCommand({ FunctionName: uri.name }));
      return [{ ...Configuration, FunctionName: uri.name }];
    }
    const found: FunctionConfiguration[] = [];
    for await (const { Functions } of paginateListFunctions({ client }, {}))
      found.push(...(Functions ?? []).filter(({ FunctionName }) => FunctionName?.startsWith(uri.name)));
    return found;
  } catch (error) {
    if (isAbsent(error))
      throw new NotFoundError(`${formatUri(uri)}: there is no such function; check its name and the region`, {
        cause: error,
      });
    throw translateAwsError(error, `${formatUri(uri)}: listing`);
  }
}

/** A line for each function whose image is not copied, and for each layer of `$LATEST` that cannot be read. */
async function notCaptured({ client, layers }: FunctionReader, uri: LambdaUri): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { FunctionName = '', PackageType, Layers } of await functionsOf(client, uri)) {
    try {
      if (PackageType === 'Image') lines.push(await imageLine(client, FunctionName));
      for (const { Arn = '' } of Layers ?? []) {
        const { unreadable } = await layers.read(Arn);
        if (unreadable !== undefined)
          lines.push(
            `function ${FunctionName}: its layer ${Arn} is not copied (${unreadable}); grant lambda:GetLayerVersion, or keep the layer`,
          );
      }
    } catch (error) {
      if (!isAbsent(error)) throw translateAwsError(error, `function ${FunctionName}: reading what is not copied`);
    }
  }
  return lines;
}

async function imageLine(client: LambdaClient, name: string): Promise<string> {
  const { Code } = await client.send(new GetFunctionCommand({ FunctionName: name }));
  const image = Code?.ResolvedImageUri ?? Code?.ImageUri;
  return `function ${name}: its image ${image} is not copied; keep it in its registry`;
}

/** Of a copy under another name, event sources are off on purpose; version numbers are Lambda's own. */
function attributesDiffer(stored: Attributes, found: Attributes): string | undefined {
  const compared = ['type', 'packageType', 'runtime', 'codeSha256', 'image'];
  if (stored.name === found.name) compared.push('eventSourcesEnabled');
  const name = compared.find((each) => canonicalJson(stored[each] ?? null) !== canonicalJson(found[each] ?? null));
  return name === undefined ? undefined : `its ${name} differs`;
}
