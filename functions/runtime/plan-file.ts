/** Reading holdfast.yml: every problem with its line and column, in one error. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';
import { InvalidInputError } from '../core/errors.ts';
import { configSchema, type HoldfastConfig } from '../core/plan.ts';
import { check, type Problem, sentenceOf } from './issues.ts';
import { hintFor } from './known-keys.ts';

const MAX_BYTES = 100_000;
const MAX_PROBLEMS = 10;
/** How often anchors may be repeated: a few aliases of aliases make a small file stand for a huge one. */
const MAX_ALIASES = 100;

interface Located {
  /** In UTF-16 units from the file's beginning. */
  readonly offset: number;
  readonly sentence: string;
}

/**
 * @param fileName as the messages name it.
 * @throws InvalidInputError, one for all problems: `holdfast.yml:8:25: plans.web-app.vault names vault …`, a line each, 10 at most.
 */
export function parsePlanFile(text: string, fileName: string): HoldfastConfig {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES)
    throw new InvalidInputError(`${fileName} has ${bytes} bytes; a plan file has at most ${MAX_BYTES}`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const syntax = syntaxProblems(document);
  if (syntax.length > 0) throw invalid(fileName, lines, syntax);
  const checked = check(configSchema, readValue(document, fileName));
  if ('value' in checked) return checked.value;
  throw invalid(
    fileName,
    lines,
    checked.problems.map((problem) => locate(document, problem)),
  );
}

function invalid(fileName: string, lines: LineCounter, problems: readonly Located[]): InvalidInputError {
  const inOrder = [...problems].sort((a, b) => a.offset - b.offset);
  const shown = inOrder.slice(0, MAX_PROBLEMS).map(({ offset, sentence }) => {
    const { line, col } = lines.linePos(offset);
    return `${fileName}:${line}:${col}: ${sentence}`;
  });
  const more = inOrder.length - shown.length;
  return new InvalidInputError([...shown, ...(more > 0 ? [`${fileName}: and ${more} more`] : [])].join('\n'));
}

/** What keeps the text from being one YAML value: broken syntax, a key twice, an unknown tag, an alias of nothing. */
function syntaxProblems(document: Document): readonly Located[] {
  const problems: Located[] = [...document.errors, ...document.warnings].map(({ code, message, pos }) => ({
    offset: pos[0],
    sentence: code === 'DUPLICATE_KEY' ? 'this key stands here a second time' : message,
  }));
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) === undefined)
        problems.push({
          offset: alias.range?.[0] ?? 0,
          sentence: `the alias *${alias.source} has no anchor before it`,
        });
    },
  });
  return problems;
}

function readValue(document: Document, fileName: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    // All aliases are known to have their anchors, so that this is the one thing left of which it complains so.
    if (!(cause instanceof ReferenceError)) throw cause;
    throw new InvalidInputError(
      `${fileName}: its aliases stand for more than ${MAX_ALIASES} repetitions; write them out`,
      { cause },
    );
  }
}

function locate(document: Document, problem: Problem): Located {
  const sentence = sentenceOf(problem, 'the plan file');
  const key = problem.about === undefined ? undefined : String(problem.path.at(-1));
  const parent = problem.path.slice(0, -1);
  if (key === undefined) return { offset: offsetOf(document, problem.path), sentence };
  const hint = problem.about === 'unknown key' ? `; ${hintFor(configSchema, parent, key)}` : '';
  return { offset: offsetOf(document, parent, key), sentence: `${sentence}${hint}` };
}

/** Where the value at a path begins, or its nearest parent that is there; with `key`, where that key within it begins. */
function offsetOf(document: Document, path: readonly PropertyKey[], key?: string): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const part of path) {
    const target = isAlias(node) ? node.resolve(document) : node;
    if (isMap(target)) node = pairOf(target, part)?.value;
    else if (isSeq(target)) node = target.items[Number(part)];
    else return offset;
    offset = startOf(node) ?? offset;
  }
  const target = isAlias(node) ? node.resolve(document) : node;
  return key !== undefined && isMap(target) ? (startOf(pairOf(target, key)?.key) ?? offset) : offset;
}

const pairOf = (map: YAMLMap, key: PropertyKey): Pair | undefined =>
  map.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));

const startOf = (node: unknown): number | undefined =>
  isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;
