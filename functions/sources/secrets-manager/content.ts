/**
 * The content of a secret's entry: every version that has a staging label, as canonical JSON
 * `{"versions":[{"versionId":"…","stages":["AWSCURRENT"],"string":"…"}]}` with `"binary":"<base64>"` instead of `string` for bytes; versions in order of
 * their ids, stages in order.
 */
import * as z from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import { InvalidInputError } from '../../core/errors.ts';

export const CURRENT = 'AWSCURRENT';

export type SecretValue = { readonly string: string } | { readonly binary: string };

export type SecretVersion = SecretValue & {
  readonly versionId: string;
  readonly stages: readonly string[];
};

const version = { versionId: z.string().min(1), stages: z.array(z.string().min(1)).min(1) };
const contentSchema = z.strictObject({
  versions: z.array(
    z.union([z.strictObject({ ...version, string: z.string() }), z.strictObject({ ...version, binary: z.base64() })]),
  ),
});

export function formatVersions(versions: readonly SecretVersion[]): string {
  const sorted = versions
    .map((one) => ({ ...one, stages: [...one.stages].sort() }))
    .sort((a, b) => (a.versionId < b.versionId ? -1 : 1));
  return canonicalJson({ versions: sorted });
}

/** @throws InvalidInputError without any of the text, for what no secret can be. */
export function parseVersions(text: string, what: string): readonly SecretVersion[] {
  const { versions } = parseShape(text, what);
  const stages = versions.flatMap((one) => one.stages);
  const ids = versions.map(({ versionId }) => versionId);
  if (new Set(stages).size !== stages.length || new Set(ids).size !== ids.length)
    throw new InvalidInputError(`${what}: its content names a version or a staging label twice, which no secret can`);
  if (versions.length > 0 && !stages.includes(CURRENT))
    throw new InvalidInputError(`${what}: its content has no version with ${CURRENT}, which no secret can be without`);
  return versions;
}

function parseShape(text: string, what: string): z.infer<typeof contentSchema> {
  try {
    return contentSchema.parse(JSON.parse(text));
  } catch {
    // No cause: the parser's own words quote the text.
    throw new InvalidInputError(
      `${what}: its content is not that of a secret; restore it to a directory to look at it`,
    );
  }
}

export function sameValue(a: SecretValue, b: SecretValue): boolean {
  return 'string' in a ? 'string' in b && a.string === b.string : 'binary' in b && a.binary === b.binary;
}

/** As the API takes it. */
export function valueInput(value: SecretValue): { SecretString: string } | { SecretBinary: Uint8Array } {
  return 'string' in value ? { SecretString: value.string } : { SecretBinary: Buffer.from(value.binary, 'base64') };
}
