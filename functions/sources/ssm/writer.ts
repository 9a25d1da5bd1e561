/** Writes entries back into `ssm:///path/`. */
import { setTimeout as after } from 'node:timers/promises';
import {
  AddTagsToResourceCommand,
  DeleteParameterCommand,
  LabelParameterVersionCommand,
  RemoveTagsFromResourceCommand,
  type SSMClient,
  UnlabelParameterVersionCommand,
} from '@aws-sdk/client-ssm';
import { type PresentEntry, quoteKey } from '../../core/entry.ts';
import { ConflictError, InvalidInputError } from '../../core/errors.ts';
import type { SourceWriter } from '../../core/ports.ts';
import { formatUri, type SsmUri } from '../../core/uri.ts';
import { findName, planTags, type TagChanges, unknownAttributes } from '../config-attributes.ts';
import { readText } from '../config-content.ts';
import { isKeyRefusal, nameOf, sendWithheld, translateRefusal } from '../withheld-words.ts';
import { findState, findValue, parameterAttributesSchema } from './parameter.ts';
import { type CurrentParameter, type ParameterToWrite, putParameter } from './put.ts';

/** A whole name. No colon, by which SSM would take the rest for a version or a label. */
export const PARAMETER_NAME = /^[A-Za-z0-9_./-]{1,1011}$/;

/** PutParameter is allowed a few times a second only. */
const WRITERS = 4;

/**
 * The name of a machine image is judged after PutParameter has answered: where the image is not there, the answer is success and the parameter as it was
 * (PutParameter, `DataType`).
 */
const JUDGED_LATER = 'aws:ec2:image';
const PAUSE_MILLIS = 1000;
const PAUSES = 30;

export type Sleep = (millis: number) => Promise<unknown>;

/**
 * One PutParameter replaces the value and all that belongs to a version, atomically; tags and labels follow. What is equal already is not written again.
 *
 * A KMS key that cannot be used fails the parameter: another key would give the value to others than those who were to read it. A change of type
 * that SSM refuses fails it too: deleting it first might lose both the old and the new.
 */
export function ssmWriter(client: SSMClient, uri: SsmUri, sleep: Sleep = after): SourceWriter {
  return {
    uri: formatUri(uri),
    writers: WRITERS,
    write: (entry, content) => write({ client, uri, sleep }, entry, content),
    remove: async (key) => {
      const name = findName(uri.prefix, key, PARAMETER_NAME);
      if (name === undefined) return;
      try {
        await sendWithheld(() => client.send(new DeleteParameterCommand({ Name: name })));
      } catch (error) {
        if (nameOf(error) === 'ParameterNotFound') return;
        throw translateRefusal(error, `parameter ${name}: removing`);
      }
    },
    finish: async () => undefined,
    applySettings: async () => [],
  };
}

interface Place {
  readonly client: SSMClient;
  readonly uri: SsmUri;
  readonly sleep: Sleep;
}

async function write(
  { client, uri, sleep }: Place,
  entry: PresentEntry,
  content: AsyncIterable<Uint8Array>,
): Promise<readonly string[]> {
  const parsed = parameterAttributesSchema.safeParse(entry.attributes);
  if (!parsed.success)
    throw new InvalidInputError(`${quoteKey(entry.key)}: is no parameter; restore it to a place of its own kind`);
  const wanted = parsed.data;
  const name = findName(uri.prefix, entry.key, PARAMETER_NAME);
  if (name === undefined)
    throw new InvalidInputError(
      `${quoteKey(entry.key)}: SSM has no such names; below ${formatUri(uri)} they are letters, digits and _ . - /`,
    );
  const value = await readText(content, `parameter ${name}`);
  const unknown = unknownAttributes(entry.attributes, parameterAttributesSchema.shape);
  try {
    return [...unknown, ...(await writeParameter(client, { name, value, wanted }, sleep))];
  } catch (error) {
    if (/^(ParameterNotFound|ParameterVersionNotFound|InvalidResourceId|ParameterAlreadyExists)$/.test(nameOf(error)))
      throw new ConflictError(`parameter ${name}: somebody else changed it while it was written; restore it again`, {
        cause: error,
      });
    throw translateRefusal(error, `parameter ${name}: writing`);
  }
}

async function writeParameter(client: SSMClient, job: ParameterToWrite, sleep: Sleep): Promise<readonly string[]> {
  const { name, wanted } = job;
  const found = await findCurrent(client, name);
  const tags = planTags(wanted.tags, found?.attributes.tags);
  const put = await putParameter(client, job, found, tags.add);
  if (put.written && wanted.dataType === JUDGED_LATER) await waitUntilTaken(client, name, put.version, sleep);
  if (found !== undefined) await changeTags(client, name, tags);
  const before = put.written ? [] : (found?.attributes.labels ?? []);
  const labelled = await changeLabels(client, { name, version: put.version }, wanted.labels ?? [], before);
  return [...put.notHeld, ...(tags.notHeld ? ['tags'] : []), ...labelled];
}

/** @throws InvalidInputError when the version does not come to be. */
async function waitUntilTaken(client: SSMClient, name: string, version: number, sleep: Sleep): Promise<void> {
  for (let pause = 0; pause < PAUSES; pause += 1) {
    const found = await findValue(client, name);
    if (found !== undefined && found.version >= version) return;
    await sleep(PAUSE_MILLIS);
  }
  throw new InvalidInputError(
    `parameter ${name}: SSM did not take the image that it names within ${(PAUSES * PAUSE_MILLIS) / 1000} s; copy the image to this account and region, then restore it again`,
  );
}

/** What is there now; the value is undefined where its key cannot be used any more: then it is written over. */
async function findCurrent(client: SSMClient, name: string): Promise<CurrentParameter | undefined> {
  const state = await findState(client, name);
  if (state === undefined) return undefined;
  const attributes = parameterAttributesSchema.parse(state.attributes);
  try {
    const found = await findValue(client, name);
    return { attributes, version: state.version, value: found?.version === state.version ? found.value : undefined };
  } catch (error) {
    if (!isKeyRefusal(error)) throw error;
    return { attributes, version: state.version, value: undefined };
  }
}

async function changeTags(client: SSMClient, name: string, { add, removeKeys }: TagChanges): Promise<void> {
  const parameter = { ResourceType: 'Parameter', ResourceId: name } as const;
  // First what goes: a parameter has 50 tags at most.
  if (removeKeys.length > 0)
    await sendWithheld(() =>
      client.send(new RemoveTagsFromResourceCommand({ ...parameter, TagKeys: [...removeKeys] })),
    );
  if (add.length > 0)
    await sendWithheld(() => client.send(new AddTagsToResourceCommand({ ...parameter, Tags: [...add] })));
}

/** Makes a version have exactly these labels; one that an older version has moves here. Returns `labels` when SSM refuses one. */
async function changeLabels(
  client: SSMClient,
  { name, version }: { readonly name: string; readonly version: number },
  wanted: readonly string[],
  found: readonly string[],
): Promise<readonly string[]> {
  const at = { Name: name, ParameterVersion: version };
  const [add, remove] = [
    wanted.filter((label) => !found.includes(label)),
    found.filter((label) => !wanted.includes(label)),
  ];
  if (remove.length > 0)
    await sendWithheld(() => client.send(new UnlabelParameterVersionCommand({ ...at, Labels: remove })));
  if (add.length === 0) return [];
  const { InvalidLabels = [] } = await sendWithheld(() =>
    client.send(new LabelParameterVersionCommand({ ...at, Labels: add })),
  );
  return InvalidLabels.length > 0 ? ['labels'] : [];
}
