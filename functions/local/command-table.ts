/** What the command line knows: its commands, their arguments and their options. Parsing, help and suggestions all read this table. */
import { SNAPSHOT_KINDS, VERIFY_LEVELS } from '../core/closed-sets.ts';

export interface OptionSpec {
  /** What the help calls the value; a flag has none. */
  readonly value?: string;
  readonly many?: true;
  readonly choices?: readonly string[];
  readonly help: string;
}

export interface CommandSpec {
  /** `NAME` must be given, `[NAME]` may be. */
  readonly arguments: readonly string[];
  readonly options: readonly string[];
  readonly help: string;
  /**
   * With `--aws`, the functions in the account do the work, with keys of their own. What is neither this nor `onlyHere` works here in any case, and
   * `--aws` says over which catalogue.
   */
  readonly inAccount?: true;
  /** Why it takes no `--aws`. */
  readonly onlyHere?: string;
}

/** Options that every command takes. */
export const GLOBAL_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  config: { value: 'FILE', help: 'the plan file; holdfast.yml in the current folder unless given' },
  json: { help: 'one JSON document on standard output and nothing else there' },
  local: { help: 'run the workflows in this process, over the catalogue of the plan file (the default)' },
  aws: {
    help: 'run them in the AWS account, over the catalogue of the stack holdfast-<stage>; HOLDFAST_STAGE where there are several',
  },
  'passphrase-file': { value: 'FILE', help: 'a file whose first line is the passphrase' },
  'key-file': { value: 'FILE', help: 'the key file that opens the vaults' },
  help: { help: 'what holdfast, or one command, does' },
  version: { help: 'the version' },
};

export const COMMAND_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  yes: { help: 'ask nothing; take the answers from the options or the defaults' },
  source: { value: 'URI', many: true, help: 'what a new holdfast.yml protects: a URI or a folder; may be given again' },
  'write-key': {
    value: 'FILE',
    help: 'also make a key file that can back up and cannot read back, for machines that only run',
  },
  kind: { value: 'KIND', choices: SNAPSHOT_KINDS, help: 'incremental unless given; a full where there is no base' },
  'scheduled-at': { value: 'TIME', help: 'the time that names the run; the same time goes on with the same run' },
  at: { value: 'TIME', help: 'the latest state at or before this time' },
  to: { value: 'PLACE', help: 'where to: a URI or a folder; for replicate a vault' },
  include: { value: 'GLOB', many: true, help: 'only keys that match; may be given again' },
  exclude: { value: 'GLOB', many: true, help: 'not the keys that match; may be given again' },
  exact: { help: 'make the target equal the snapshot: what is not in it is removed' },
  'dry-run': { help: 'say what would happen and change nothing' },
  'on-conflict': {
    value: 'WHAT',
    choices: ['fail', 'skip', 'overwrite'],
    help: 'what to do with what is there already; fail unless given',
  },
  vault: { value: 'VAULT', help: 'use the replica in this vault; for init, the URI or folder of a new vault' },
  settings: { help: 'also set what the source was besides its entries' },
  set: {
    value: 'RUN',
    help: 'every source of a run, named by its id or a beginning of it, or of the newest run of a plan, named by its name',
  },
  map: { value: 'SOURCE=TARGET', many: true, help: 'with --set, where a source goes; given for each source' },
  'in-place': { help: 'with --set, each source that is not mapped goes back into its own place' },
  key: {
    value: 'KEY',
    many: true,
    help: 'exactly this entry; of a table the typed JSON of a key, or of a partition key alone; may be given again',
  },
  'max-write-units': { value: 'N', help: 'write to a table at most so many write units a second' },
  objects: {
    value: 'N',
    help: 'how many entries a source without a recovery point is taken to have; 10,000 unless given',
  },
  bytes: { value: 'SIZE', help: 'how large it is taken to be, such as 500MiB or 2TiB; 1GiB unless given' },
  changed: {
    value: 'SHARE',
    help: 'how much of a source changes between two runs where none has told; 1% unless given',
  },
  level: { value: 'LEVEL', choices: VERIFY_LEVELS, help: "how deep; the plan's own level unless given" },
};

export const COMMANDS: Readonly<Record<string, CommandSpec>> = {
  init: {
    arguments: [],
    options: ['yes', 'source', 'vault', 'write-key'],
    help: 'write holdfast.yml where there is none; create missing vaults, key and catalogue',
    onlyHere: 'it makes keys and vaults from here, and the catalogue of a stack comes with its deployment',
  },
  run: {
    arguments: ['PLAN'],
    options: ['kind', 'scheduled-at'],
    help: 'back up the sources of a plan, once',
    inAccount: true,
  },
  list: { arguments: ['[SOURCE]'], options: [], help: 'the recovery points, newest first' },
  show: { arguments: ['RECOVERY_POINT'], options: [], help: 'everything about one recovery point' },
  ls: { arguments: ['RECOVERY_POINT', '[PREFIX]'], options: [], help: 'the entries in it' },
  find: { arguments: ['SOURCE', 'KEY'], options: [], help: 'the versions of one entry, newest first' },
  diff: {
    arguments: ['RECOVERY_POINT', 'RECOVERY_POINT'],
    options: [],
    help: 'what was added, removed and changed between two',
  },
  cat: { arguments: ['RECOVERY_POINT', 'KEY'], options: [], help: 'the content of one entry, to standard output' },
  restore: {
    arguments: ['[RECOVERY_POINT|SOURCE]'],
    options: [
      'at',
      'to',
      'include',
      'exclude',
      'key',
      'set',
      'map',
      'in-place',
      'exact',
      'dry-run',
      'on-conflict',
      'max-write-units',
      'vault',
      'settings',
    ],
    help: 'bring a recovery point, the latest state of a source, or with --set all of a run, back into a place',
    inAccount: true,
  },
  verify: {
    arguments: ['RECOVERY_POINT'],
    options: ['level', 'vault'],
    help: 'prove that a recovery point can be restored',
    inAccount: true,
  },
  replicate: {
    arguments: ['PLAN'],
    options: ['to'],
    help: "bring a plan's replica vaults level with its own",
    inAccount: true,
  },
  status: { arguments: [], options: [], help: 'how old the newest verified recovery point of each source is' },
  estimate: {
    arguments: ['PLAN'],
    options: ['objects', 'bytes', 'changed'],
    help: 'what a plan will cost in a month, at list prices of AWS',
  },
  'catalogue rebuild': { arguments: [], options: [], help: 'make the catalogue again from the vaults' },
};
