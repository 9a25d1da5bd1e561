/** Writes functions back into `lambda://name*`. */
import { DeleteEventSourceMappingCommand, DeleteFunctionCommand } from '@aws-sdk/client-lambda';
import { translateAwsError } from '../../core/aws-errors.ts';
import type { PresentEntry } from '../../core/entry.ts';
import { InvalidInputError } from '../../core/errors.ts';
import type { SourceWriter } from '../../core/ports.ts';
import { formatUri, type LambdaUri } from '../../core/uri.ts';
import { readArchive } from './archive.ts';
import { deploy } from './deploy.ts';
import { type DescribedFunction, eventSourcesOf, findFunction, LATEST } from './describe.ts';
import { type FunctionDocument, secretsOf } from './document.ts';
import { documentOf, mappingsOf } from './documenting.ts';
import { isAbsent, writingError } from './errors.ts';
import { bringEventSources, enabledOf } from './event-sources.ts';
import { functionNameOf } from './names.ts';
import { bringParts } from './parts.ts';
import { planWrite, type WritePlan } from './plan.ts';
import type { FunctionReader } from './read.ts';
import { renumber } from './renumber.ts';

/** Each holds up to `SPOOL_BYTES` (`plan.ts`) of zips in memory. */
const WRITERS = 2;

/**
 * The archive is read to its end, and with it its hash is checked, before anything is changed. Then the code and configuration of `$LATEST` are brought about,
 * after that what hangs on them; what is there and as it should be is not touched. What is of its own and not in the snapshot (an alias, a version, a URL, an
 * event source) is left and named. So is what Lambda refuses besides the function itself.
 */
export function lambdaWriter(reader: FunctionReader, uri: LambdaUri): SourceWriter {
  return {
    uri: formatUri(uri),
    writers: WRITERS,
    write: async (entry, content) => write(reader, functionNameOf(uri, entry.key), entry, content),
    remove: async (key) => remove(reader, functionNameOf(uri, key)),
    finish: async () => undefined,
    applySettings: async () => [],
  };
}

async function write(
  reader: FunctionReader,
  name: string,
  { attributes }: PresentEntry,
  content: AsyncIterable<Uint8Array>,
): Promise<readonly string[]> {
  const what = `function ${name}`;
  if (attributes.type !== 'function')
    throw new InvalidInputError(`${what}: the entry is no function; restore it to a bucket or a directory`);
  const there = await find(reader, name);
  let plan: WritePlan | undefined;
  const { document, files } = await readArchive(content, what, async (read) => {
    plan = await plannedWrite(reader, name, read, there);
    return plan.files;
  });
  if (plan === undefined) throw new TypeError('an archive that was read has a document');
  try {
    const deployed = await deploy(reader, name, document, plan, files);
    const wanted = renumber(document, deployed.versions);
    const numbers = new Map(there?.versions.map(({ Version = '' }, index) => [String(index + 1), Version]));
    const had = there === undefined ? undefined : renumber(documentOf(there, []), numbers).document;
    const context = { client: reader.client, name, arn: deployed.arn };
    const parts = await bringParts(context, wanted.document, had);
    // Those of a function that was deleted are there still, and wait for its name.
    const qualifiers = [LATEST, ...wanted.document.aliases.map((alias) => alias.name)];
    const mappings = await eventSourcesOf(reader.client, name, qualifiers);
    const eventSources = await bringEventSources(
      context,
      wanted.document.eventSources,
      mappingsOf({ versions: [], eventSources: mappings }),
      enabledOf(document, attributes, name),
    );
    return [...plan.left, ...deployed.left, ...wanted.left, ...parts, ...eventSources];
  } catch (error) {
    throw writingError(error, `${what}: writing`, secretsOf(document));
  }
}

async function plannedWrite(
  reader: FunctionReader,
  name: string,
  ...of: [FunctionDocument, DescribedFunction | undefined]
) {
  try {
    return await planWrite(reader, name, ...of);
  } catch (error) {
    throw translateAwsError(error, `function ${name}: reading what is there`);
  }
}

async function find({ client }: FunctionReader, name: string): Promise<DescribedFunction | undefined> {
  try {
    return await findFunction(client, name);
  } catch (error) {
    throw translateAwsError(error, `function ${name}: reading what is there`);
  }
}

/**
 * Its event sources too, which Lambda would leave behind to go on with whatever gets the name next. After it: with them goes how far they have read,
 * which a function that Lambda does not let go still needs.
 */
async function remove(reader: FunctionReader, name: string): Promise<void> {
  const { client } = reader;
  const there = await find(reader, name);
  try {
    const eventSources = there?.eventSources ?? (await eventSourcesOf(client, name, [LATEST]));
    if (there !== undefined) await unlessAbsent(client.send(new DeleteFunctionCommand({ FunctionName: name })));
    for (const { UUID } of eventSources) await unlessAbsent(client.send(new DeleteEventSourceMappingCommand({ UUID })));
  } catch (error) {
    throw translateAwsError(error, `function ${name}: removing`);
  }
}

async function unlessAbsent(deletion: Promise<unknown>): Promise<void> {
  try {
    await deletion;
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}
