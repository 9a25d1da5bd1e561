/** Layers: read beside the functions that use them, and published again where they are gone. */
import {
  GetLayerVersionByArnCommand,
  type LambdaClient,
  PublishLayerVersionCommand,
  paginateListLayerVersions,
} from '@aws-sdk/client-lambda';
import { translateAwsError } from '../../core/aws-errors.ts';
import { ConflictError, IntegrityError } from '../../core/errors.ts';
import type { LayerDocument } from './document.ts';
import { codeOf, isAbsent } from './errors.ts';
import { withoutEmpty } from './settings.ts';

export interface Layers {
  /** A layer by its ARN. A version of a layer never changes, so that each is asked for once. @throws what the client throws. */
  read(arn: string): Promise<LayerDocument>;
  /** A fresh address of its zip. */
  locate(arn: string): Promise<string>;
  /**
   * Under which ARN a stored layer is there: its own, else that of a version of the same name and bytes; undefined when nothing like it is.
   * @throws what the client throws.
   */
  find(layer: LayerDocument): Promise<string | undefined>;
  /**
   * Publishes a layer anew, in the account of the credentials, once for all functions that use it. Returns its ARN.
   * @throws what the client throws.
   */
  publish(layer: LayerDocument, zip: Buffer): Promise<string>;
}

const ARN = /^arn:[\w-]+:lambda:[\w-]+:(\d+):layer:([\w-]+):(\d+)$/;
const DELETED = 'it was deleted';

export function layersOf(client: LambdaClient): Layers {
  const known = new Map<string, Promise<LayerDocument>>();
  const published = new Map<string, Promise<string>>();
  const read = (arn: string) => once(known, arn, () => readLayer(client, arn));
  return {
    read,
    locate: (arn) => locateLayer(client, arn),
    find: (layer) => findLayer(client, read, layer),
    publish: (layer, zip) => once(published, layer.arn, () => publishLayer(client, layer, zip)),
  };
}

/** What failed is tried again by who asks next. */
function once<T>(known: Map<string, Promise<T>>, key: string, act: () => Promise<T>): Promise<T> {
  const found = known.get(key) ?? act();
  known.set(key, found);
  found.catch(() => known.delete(key));
  return found;
}

async function readLayer(client: LambdaClient, arn: string): Promise<LayerDocument> {
  const [, account, name, version] = ARN.exec(arn) ?? [];
  if (name === undefined) return { arn, unreadable: 'this is not the ARN of a layer that can be read' };
  try {
    const { Content, ...rest } = await client.send(new GetLayerVersionByArnCommand({ Arn: arn }));
    const { CodeSha256: sha256, CodeSize: sizeBytes } = Content ?? {};
    if (sha256 === undefined || sizeBytes === undefined)
      throw new IntegrityError(`layer ${arn}: Lambda told no hash or size of its zip; run again`);
    return withoutEmpty<LayerDocument>({
      arn,
      stored: { file: `layers/${name}/${account}-${version}.zip`, sha256, sizeBytes },
      unreadable: undefined,
      Description: rest.Description,
      CompatibleRuntimes: rest.CompatibleRuntimes,
      CompatibleArchitectures: rest.CompatibleArchitectures,
      LicenseInfo: rest.LicenseInfo,
    });
  } catch (error) {
    // A function keeps running with a layer that was deleted, or that another account shares for use and not for reading.
    if (codeOf(error) === 'AccessDeniedException') return { arn, unreadable: 'access is denied' };
    if (isAbsent(error)) return { arn, unreadable: DELETED };
    throw error;
  }
}

async function locateLayer(client: LambdaClient, arn: string): Promise<string> {
  try {
    const { Content } = await client.send(new GetLayerVersionByArnCommand({ Arn: arn }));
    if (Content?.Location !== undefined) return Content.Location;
  } catch (error) {
    if (isAbsent(error))
      throw new ConflictError(`layer ${arn}: it was deleted while it was read; read it again`, { cause: error });
    throw translateAwsError(error, `layer ${arn}: reading`);
  }
  throw new IntegrityError(`layer ${arn}: Lambda gave no address of its zip; run again`);
}

async function findLayer(
  client: LambdaClient,
  read: Layers['read'],
  layer: LayerDocument,
): Promise<string | undefined> {
  const { unreadable } = await read(layer.arn);
  // What may be used and not read is not told from what may be neither: with its bytes at hand it is had anew, without them it is tried.
  if (unreadable === undefined || (unreadable !== DELETED && layer.stored === undefined)) return layer.arn;
  const [, , LayerName] = ARN.exec(layer.arn) ?? [];
  if (layer.stored === undefined || LayerName === undefined) return undefined;
  try {
    for await (const { LayerVersions } of paginateListLayerVersions({ client }, { LayerName }))
      for (const { LayerVersionArn } of LayerVersions ?? []) {
        if (LayerVersionArn === undefined) continue;
        const { stored } = await read(LayerVersionArn);
        if (stored?.sha256 === layer.stored.sha256) return LayerVersionArn;
      }
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  return undefined;
}

async function publishLayer(client: LambdaClient, layer: LayerDocument, ZipFile: Buffer): Promise<string> {
  const { arn, stored: _, unreadable: __, ...rest } = layer;
  const [, , LayerName = ''] = ARN.exec(arn) ?? [];
  const request = { LayerName, ...rest, Content: { ZipFile } };
  const { LayerVersionArn } = await client.send(new PublishLayerVersionCommand(request));
  if (LayerVersionArn === undefined)
    throw new IntegrityError(`layer ${LayerName}: Lambda told no ARN of it; run again`);
  return LayerVersionArn;
}
