/** The holdfast.yml that `init` writes: everything that a first run needs, and a comment where a choice is to be made. */

import { PLACE_FORMS } from '../core/uri.ts';

export interface PlanAnswers {
  /** URIs in the normal form. */
  readonly sources: readonly string[];
  readonly vault: string;
  /** As it shall stand in the file: relative to it, or absolute. */
  readonly keyFile: string | undefined;
}

/** The name of the plan in a new holdfast.yml. */
export const FIRST_PLAN = 'app';

// A JSON string is a YAML string in double quotes, whatever it holds.
const quoted = (text: string): string => JSON.stringify(text);

/** The text of a new plan file. */
export function planTemplate({ sources, vault, keyFile }: PlanAnswers): string {
  const key =
    keyFile === undefined
      ? '# The vaults open with a passphrase: HOLDFAST_PASSPHRASE, --passphrase-file or a prompt.'
      : `# Opens the vaults. Keep a copy elsewhere: without it nobody can restore.\nkeyFile: ${quoted(keyFile)}`;
  return `# What Holdfast protects, and where it keeps it.
catalogue: embedded # or dynamodb://table-name

${key}

vaults:
  primary:
    url: ${quoted(vault)} # a folder on another disk, or s3://bucket/prefix
  # offsite:
  #   url: "s3://bucket-in-another-region/prefix"
  #   region: us-east-1

plans:
  ${FIRST_PLAN}:
    sources: # ${Object.values(PLACE_FORMS).join(', ')}
${sources.map((source) => `      - ${quoted(source)}`).join('\n')}
      # - { uri: "dynamodb://table", engine: export } # of a table: scan (unless given) or export; maxReadUnitsPerSecond, consistentReads, exportTo
    vault: primary
    # replicateTo: [offsite]
    # schedule: { full: "cron(0 2 ? * SUN *)", incremental: "rate(1 hour)", timezone: UTC }
    # objectives: { rpo: 90m, rto: 4h }
    verify: { after: every, level: restore }
`;
}
