/**
 * Loads the engine's library without the packages that it names and that nothing here uses: definitions are checked before they come to it,
 * and its own way of calling functions in AWS is replaced by our tasks. They are most of its size, and each would be loaded by every run.
 */
import { registerHooks } from 'node:module';

const refusal = (name: string): string => `throw new Error('the local engine does without ${name}')`;

/** In place of each of the packages, a module that exports what the library imports of it. */
const STAND_INS: ReadonlyMap<string, string> = new Map([
  ['asl-validator', `export default () => { ${refusal('asl-validator')} };`],
  [
    '@aws-sdk/client-lambda',
    `export class LambdaClient { constructor() { ${refusal('LambdaClient')} } } export class InvokeCommand {}`,
  ],
  [
    '@aws-sdk/credential-providers',
    `export const fromCognitoIdentityPool = () => { ${refusal('fromCognitoIdentityPool')} };`,
  ],
]);

/** The library. @throws SyntaxError when it imports something else of those packages than it did */
export async function loadEngineLibrary(): Promise<typeof import('aws-local-stepfunctions')> {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const standIn = STAND_INS.get(specifier);
      if (standIn === undefined || !context.parentURL?.includes('/aws-local-stepfunctions/'))
        return next(specifier, context);
      return { url: `data:text/javascript,${encodeURIComponent(standIn)}`, format: 'module', shortCircuit: true };
    },
  });
  try {
    return await import('aws-local-stepfunctions');
  } finally {
    hooks.deregister();
  }
}
