/**
 * Where the secret that opens the vaults comes from: a passphrase (environment, file, prompt), or a key file. Never an argument,
 * which every other user of the machine could read in the list of processes.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { InvalidInputError } from '../core/errors.ts';
import type { Secret } from '../core/keyring.ts';
import { parseKeyFile } from '../runtime/key-file.ts';
import { type Invocation, value } from './arguments.ts';
import type { Shell } from './console.ts';
import { askSecret, canAsk } from './prompt.ts';

/** The name that `init` gives a key file, next to holdfast.yml. */
export const KEY_FILE_NAME = 'holdfast.key';

export interface SecretQuestion {
  readonly shell: Shell;
  readonly invocation: Invocation;
  /** The plan file, absolute; a key file that it names is relative to it. */
  readonly planFile: string;
  /** `keyFile` of the plan file. */
  readonly keyFile: string | undefined;
}

/** A passphrase that was given without asking anybody. */
export async function findGivenPassphrase({ shell, invocation }: SecretQuestion): Promise<Secret | undefined> {
  const file = value(invocation, 'passphrase-file');
  if (file !== undefined) {
    const text = await readNamed(resolve(shell.folder, file), '--passphrase-file');
    const passphrase = text.split(/\r?\n/, 1)[0] ?? '';
    if (passphrase === '')
      throw new InvalidInputError(`the first line of ${file} is empty; it must hold the passphrase`);
    return { type: 'passphrase', passphrase };
  }
  const passphrase = shell.env.HOLDFAST_PASSPHRASE;
  return passphrase === undefined || passphrase === '' ? undefined : { type: 'passphrase', passphrase };
}

/** The key file that is named (option, environment, plan file) or, where none is, the one beside the plan file if it is there. */
export async function findKeyFilePath(question: SecretQuestion): Promise<string | undefined> {
  const { shell, invocation, planFile, keyFile } = question;
  const given = value(invocation, 'key-file') ?? (shell.env.HOLDFAST_KEY_FILE || undefined);
  if (given !== undefined) return resolve(shell.folder, given);
  if (keyFile !== undefined) return resolve(dirname(planFile), keyFile);
  const usual = resolve(dirname(planFile), KEY_FILE_NAME);
  return (await exists(usual)) ? usual : undefined;
}

/** @throws InvalidInputError naming the file when it is absent or is no key file. */
export async function readKeyFile(path: string): Promise<Secret> {
  const text = await readNamed(path, 'the key file');
  try {
    return { type: 'keyfile', bytes: parseKeyFile(text) };
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    throw new InvalidInputError(`${path}: ${cause.message}`, { cause });
  }
}

/** The secret, in order: a passphrase that was given, a key file, a prompt. @throws InvalidInputError naming the ways when there is none. */
export async function obtainSecret(question: SecretQuestion): Promise<Secret> {
  const given = await findGivenPassphrase(question);
  if (given !== undefined) return given;
  const keyFile = await findKeyFilePath(question);
  if (keyFile !== undefined) return readKeyFile(keyFile);
  if (canAsk(question.shell)) return { type: 'passphrase', passphrase: await askSecret(question.shell, 'Passphrase') };
  throw new InvalidInputError(
    `there is no key to open the vaults with; give --key-file, HOLDFAST_KEY_FILE, keyFile in holdfast.yml or ${KEY_FILE_NAME} beside it, or a passphrase by --passphrase-file, HOLDFAST_PASSPHRASE or on a terminal`,
  );
}

/** Whether something is there under the path; a refusal throws. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return false;
    throw error;
  }
}

async function readNamed(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'ENOENT') throw new InvalidInputError(`${what} ${path} is not there`, { cause });
    if (code === 'EISDIR') throw new InvalidInputError(`${what} ${path} is a folder`, { cause });
    throw cause;
  }
}
