import { describe, expect, it } from 'vitest';
import { IntegrityError } from '../../functions/core/errors.ts';
import { Console } from '../../functions/local/console.ts';
import { remember, testShell } from './streams.ts';

async function* items<T>(...all: T[]): AsyncIterable<T> {
  yield* all;
}

async function* broken<T>(first: T, error: Error): AsyncIterable<T> {
  yield first;
  throw error;
}

const jsonConsole = () => {
  const { shell, stdout, stderr } = testShell({});
  return { console: new Console(shell, { json: true }), stdout, stderr };
};

describe('standard output with --json', () => {
  it('holds the document and no line for a person', async () => {
    const { console, stdout } = jsonConsole();
    await console.line('for a person');
    await console.document({ a: 1 });
    expect(JSON.parse(stdout.text())).toEqual({ a: 1 });
  });

  it('holds a list item by item as one document', async () => {
    const { console, stdout } = jsonConsole();
    await console.list({ id: 'x' }, 'entries', items({ key: 'a' }, { key: 'b' }));
    expect(JSON.parse(stdout.text())).toEqual({ id: 'x', entries: [{ key: 'a' }, { key: 'b' }] });
  });

  it('holds an empty list as one document', async () => {
    const { console, stdout } = jsonConsole();
    await console.list({}, 'entries', items());
    expect(JSON.parse(stdout.text())).toEqual({ entries: [] });
  });

  it('closes a list that breaks off with the error, and is still one document', async () => {
    const { console, stdout } = jsonConsole();
    const damage = new IntegrityError('the segment is damaged');
    await expect(console.list({}, 'entries', broken({ key: 'a' }, damage))).rejects.toBe(damage);
    await console.failure(damage);
    expect(JSON.parse(stdout.text())).toEqual({
      entries: [{ key: 'a' }],
      error: { name: 'IntegrityError', message: 'the segment is damaged' },
    });
  });

  it('holds content in base64 whatever the pieces', async () => {
    const { console, stdout } = jsonConsole();
    const pieces = ['a', 'bc', 'def', 'gh', ''].map((text) => Buffer.from(text));
    await console.base64({ key: 'k' }, 'contentBase64', items(...pieces));
    const document = JSON.parse(stdout.text());
    expect(Buffer.from(document.contentBase64, 'base64').toString()).toBe('abcdefgh');
  });

  it('holds the error alone when nothing was written before', async () => {
    const { console, stdout } = jsonConsole();
    await console.failure(new IntegrityError('damaged'));
    expect(JSON.parse(stdout.text())).toEqual({ error: { name: 'IntegrityError', message: 'damaged' } });
  });
});

describe('standard output without --json', () => {
  it('holds lines and no document', async () => {
    const { shell, stdout } = testShell({});
    const console = new Console(shell, { json: false });
    await console.line('for a person');
    await console.document({ a: 1 });
    await console.failure(new Error('x'));
    expect(stdout.text()).toBe('for a person\n');
  });
});

describe('the columns of standard output', () => {
  it.each([
    [120, 120],
    [0, undefined],
    [undefined, undefined],
  ])('of a terminal that says %s are %s', (said, columns) => {
    const { shell } = testShell({});
    expect(new Console({ ...shell, stdout: remember(said).sink }, { json: false }).columns).toBe(columns);
  });
});
