/**
 * The source `ssm:///path/`. Entries are the parameters whose names begin with the prefix, literally, keyed by what follows it. Of each the latest
 * version is kept; older versions and the policies by which a parameter is shared with other accounts are not.
 *
 * A parameter takes three requests, each of an API that SSM allows some 40 of a second by default. Only GetParameter has a form for ten names at once, and
 * it is not the one that is short; so nothing is gathered, and the client should be made with `retryMode: 'adaptive'`, which slows down before SSM refuses.
 */
import { paginateDescribeParameters, type SSMClient } from '@aws-sdk/client-ssm';
import type { KeyRange, ListedEntry } from '../core/entry.ts';
import { IntegrityError } from '../core/errors.ts';
import type { ListedTarget, OpenedEntry, SourceReader } from '../core/ports.ts';
import { formatUri, type SsmUri } from '../core/uri.ts';
import { attributesDiffer, findName, listNames } from './config-attributes.ts';
import { CHANGING, MAX_ATTEMPTS } from './config-content.ts';
import { findState, findValue, fingerprintOf } from './ssm/parameter.ts';
import { PARAMETER_NAME, type Sleep, ssmWriter } from './ssm/writer.ts';
import { refusedEntry, sendWithheld, translateWithheld } from './withheld-words.ts';

/** Reads the parameters under a URI, and writes them back. Throttles are retried as the client is set up to. */
export function ssmSource(client: SSMClient, uri: SsmUri, sleep?: Sleep): ListedTarget {
  return { ...ssmReader(client, uri), ...ssmWriter(client, uri, sleep) };
}

function ssmReader(client: SSMClient, uri: SsmUri): SourceReader {
  return {
    uri: formatUri(uri),
    list: (range) => list(client, uri, range),
    open: (listed) => open(client, uri, listed),
    settings: async () => ({ settings: {}, notCaptured: [] }),
    attributesDiffer,
  };
}

/** Sorted in memory: an account has 110,000 names in a region at most (SSM quotas: 10,000 standard and 100,000 advanced parameters). */
async function* list(client: SSMClient, uri: SsmUri, range: KeyRange): AsyncGenerator<readonly ListedEntry[]> {
  try {
    yield await sendWithheld(() => listNames(readNames(client, uri), uri.prefix, range));
  } catch (error) {
    throw translateWithheld(error, `${formatUri(uri)}: listing`);
  }
}

async function* readNames(client: SSMClient, uri: SsmUri): AsyncGenerator<string> {
  // SSM takes a leading slash loosely, so that its answer is filtered again; a prefix of slashes alone is nothing to filter by.
  const filter = /[^/]/.test(uri.prefix)
    ? { ParameterFilters: [{ Key: 'Name', Option: 'BeginsWith', Values: [uri.prefix] }] }
    : {};
  for await (const { Parameters } of paginateDescribeParameters({ client, pageSize: 50 }, filter)) {
    if (Parameters === undefined) throw new IntegrityError(`${formatUri(uri)}: SSM answered without a list; run again`);
    for (const { Name } of Parameters) if (Name !== undefined) yield Name;
  }
}

async function open(client: SSMClient, uri: SsmUri, { key }: ListedEntry): Promise<OpenedEntry> {
  const name = findName(uri.prefix, key, PARAMETER_NAME);
  if (name === undefined) return { state: 'gone' };
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const opened = await openOnce(client, name);
      if (opened !== undefined) return opened;
    }
  } catch (error) {
    return refusedEntry(error, `parameter ${name}`);
  }
  return { state: 'unprotected', reason: CHANGING };
}

/** Undefined when another version came in between: value and attributes are of one version, or not taken. */
async function openOnce(client: SSMClient, name: string): Promise<OpenedEntry | undefined> {
  const found = await findValue(client, name);
  const state = found === undefined ? undefined : await findState(client, name);
  if (found === undefined || state === undefined) return { state: 'gone' };
  if (found.version !== state.version || found.modifiedAt !== state.modifiedAt) return undefined;
  const bytes = Buffer.from(found.value);
  return {
    state: 'open',
    fingerprint: fingerprintOf(state),
    sizeBytes: bytes.length,
    attributes: state.attributes,
    content: bytes,
  };
}
