/**
 * Loading packages without the parts of them that nothing here uses: they would be most of what a short command loads.
 */
import { registerHooks } from 'node:module';

interface StandIn {
  /** The package that names the part. */
  readonly of: string;
  /** As the package names it. */
  readonly part: RegExp;
  /** The text of a module in its place, which exports what is imported of the part. */
  readonly text: string;
}

const refusal = (name: string): string => `throw new Error('the local engine does without ${name}')`;

const STAND_INS: readonly StandIn[] = [
  // Half of its files; English is loaded by itself.
  { of: 'zod', part: /\/locales\/index\.js$/, text: 'export {};' },
  // Definitions are checked before they come to it, and its own way of calling functions in AWS is replaced by our tasks.
  {
    of: 'aws-local-stepfunctions',
    part: /^asl-validator$/,
    text: `export default () => { ${refusal('asl-validator')}; };`,
  },
  {
    of: 'aws-local-stepfunctions',
    part: /^@aws-sdk\/client-lambda$/,
    text: `export class LambdaClient { constructor() { ${refusal('LambdaClient')}; } } export class InvokeCommand {}`,
  },
  {
    of: 'aws-local-stepfunctions',
    part: /^@aws-sdk\/credential-providers$/,
    text: `export const fromCognitoIdentityPool = () => { ${refusal('fromCognitoIdentityPool')}; };`,
  },
];

/**
 * Gives what `load` imports. Packages that were loaded before, or are imported elsewhere at the same time, are none the worse.
 * @throws SyntaxError when a package imports more of such a part than its stand-in exports
 */
export async function importLean<Module>(load: () => Promise<Module>): Promise<Module> {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const from = context.parentURL ?? '';
      const standIn = STAND_INS.find(({ of, part }) => part.test(specifier) && from.includes(`/node_modules/${of}/`));
      if (standIn === undefined) return next(specifier, context);
      return { url: `data:text/javascript,${encodeURIComponent(standIn.text)}`, format: 'module', shortCircuit: true };
    },
  });
  try {
    return await load();
  } finally {
    hooks.deregister();
  }
}
