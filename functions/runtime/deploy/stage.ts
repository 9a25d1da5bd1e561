/** What a stage may be called: everything that a stack names carries it, and AWS takes names of some characters and lengths only. */
import { InvalidInputError } from '../../core/errors.ts';
import { FUNCTION_NAMES } from './function-names.ts';

/** Of a Lambda function's name, the shortest of all that carry the stage (Lambda API reference, CreateFunction). */
const FUNCTION_CHARACTERS = 64;
/** As in the name of a stack, which takes the fewest characters (CloudFormation API reference, CreateStack). */
const STAGE = /^[A-Za-z0-9-]+$/;

/** @throws InvalidInputError for a stage that AWS would not take in every name. */
export function assertStage({ service, stage }: { readonly service: string; readonly stage: string }): void {
  const [longest = ''] = [...FUNCTION_NAMES].sort((a, b) => b.length - a.length);
  const characters = FUNCTION_CHARACTERS - `${service}--${longest}`.length;
  if (STAGE.test(stage) && stage.length <= characters) return;
  throw new InvalidInputError(
    `"${stage}" cannot be a stage, because names such as ${service}-STAGE-${longest} carry it and AWS takes ${FUNCTION_CHARACTERS} characters; choose one of at most ${characters} of A-Z, a-z, 0-9 and -, such as --stage prod`,
  );
}
