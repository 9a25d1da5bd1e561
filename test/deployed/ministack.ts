/** The AWS that the deployed suite deploys into: ministack, which executes functions, state machines, schedules and events. */
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { awsEnv } from '../emulated/judge.ts';
import { type Emulator, findFreePort, findPythonCommand, startServer } from '../emulated/services.ts';

/**
 * Starts ministack on a free port of 127.0.0.1, with the bridges in ministack/ over what it lacks against AWS.
 * @throws Error saying how to install it.
 */
export async function startMinistack(): Promise<Emulator> {
  const command = findPythonCommand('ministack');
  if (command === undefined)
    throw new Error(
      'ministack is not installed; install it with: python3 -m venv .ci/.venv && .ci/.venv/bin/pip install -r .ci/requirements.txt',
    );
  const port = await findFreePort();
  return await startServer(command, [], port, '/_ministack/health', {
    BIND_HOST: '127.0.0.1',
    // What comes signed by a role may do what its policies allow, and no more; the test user may do anything.
    AUTH: 'true',
    GATEWAY_PORT: String(port),
    MINISTACK_REGION: awsEnv('').AWS_REGION ?? '',
    PYTHONPATH: join(import.meta.dirname, 'ministack'),
    // Functions run on this Node.
    PATH: [dirname(process.execPath), process.env.PATH].join(':'),
  });
}

/** The AWS CLI, as a person would use it: what it printed, parsed as JSON; undefined when that is nothing. */
export type Aws = (...args: readonly string[]) => Promise<unknown>;

/**
 * @param env other credentials, or another region, than the suite's own.
 * @throws Error with what the command said, when it did not exit with 0.
 */
export function awsCli(endpoint: string, env: Readonly<Record<string, string>> = {}): Aws {
  const command = findPythonCommand('aws');
  if (command === undefined) throw new Error('the AWS CLI is not installed; .ci/requirements.txt names it');
  return async (...args) => {
    const { stdout } = await promisify(execFile)(command, [...args, '--endpoint-url', endpoint, '--output', 'json'], {
      env: { PATH: process.env.PATH, ...awsEnv(endpoint), ...env },
      maxBuffer: 1 << 28,
    });
    return stdout.trim() === '' ? undefined : JSON.parse(stdout);
  };
}
