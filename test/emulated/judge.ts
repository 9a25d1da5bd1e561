/** boto3 in a process of its own: the outside judge, which shares no code with the product. */
import { execFile } from 'node:child_process';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { emulatorEnv } from './services.ts';

const VENV = process.env.HOLDFAST_VENV ?? resolve(import.meta.dirname, '../../.ci/.venv');

/** The environment in which AWS tools find an emulator. */
export const awsEnv = (endpoint: string): Record<string, string> => ({
  ...emulatorEnv,
  AWS_DEFAULT_REGION: emulatorEnv.AWS_REGION,
  AWS_ENDPOINT_URL: endpoint,
});

/** Runs `judge.py` and returns what it printed. */
export const judge = (endpoint: string, ...args: readonly string[]): Promise<string> =>
  runJudge('judge.py', endpoint, args);

/** Runs `judge_tables.py` and returns what it printed. */
export const judgeTables = (endpoint: string, ...args: readonly string[]): Promise<string> =>
  runJudge('judge_tables.py', endpoint, args);

/** Runs `judge_sets.py` and returns what it printed. */
export const judgeSets = (endpoint: string, ...args: readonly string[]): Promise<string> =>
  runJudge('judge_sets.py', endpoint, args);

/** Runs a judge, named by its path or by its name in this folder, and returns what it printed. */
export async function runJudge(name: string, endpoint: string, args: readonly string[]): Promise<string> {
  const PATH = [join(VENV, 'bin'), process.env.PATH].join(delimiter);
  const script = resolve(import.meta.dirname, name);
  const { stdout } = await promisify(execFile)('python3', [script, ...args], {
    env: { ...awsEnv(endpoint), PATH },
    maxBuffer: 1 << 28,
  });
  return stdout;
}
