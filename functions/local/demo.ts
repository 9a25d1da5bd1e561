/**
 * `npm start`: the whole story on this machine alone. An application's data is backed up three times while it changes, copied to a second
 * vault, proven, lost together with its first vault, and brought back; an independent witness compares every byte. With a folder
 * as its argument the same is done with that folder, which is only read.
 */
import { mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { IntegrityError, InvalidInputError, messageOf } from '../core/errors.ts';
import { formatUri } from '../core/uri.ts';
import { isWithin, realPathOf } from './apart.ts';
import { parseCommandLine } from './arguments.ts';
import { initialise } from './commands/init.ts';
import { verifyPoint } from './commands/prove.ts';
import { Console, type Shell } from './console.ts';
import { backUpOnce, type Chapter, chapterTable, replicaOf } from './demo-chapters.ts';
import { differences, witness } from './demo-compare.ts';
import { buildApplication, changeMore, changeSome } from './demo-data.ts';
import { describeFailure, EXIT } from './failure.ts';
import { counted, plain, showBytes, showCount, showSeconds } from './figures.ts';
import type { Interruption } from './interruption.ts';
import { inThisProcess } from './main.ts';
import { restoreTo } from './restore-report.ts';
import { type CommandContext, type Session, withSession } from './session.ts';

const PLAN = 'demo';
/** Only root can give files to other users. */
const setsOwners = process.geteuid?.() === 0;

/** Where everything of the demonstration lies. */
interface Stage {
  readonly home: string;
  readonly planFile: string;
  readonly source: string;
  /** The folder is the user's: it is never written to. */
  readonly readOnly: boolean;
  readonly context: CommandContext;
}

/** Tells the story; returns the exit code. */
export async function demonstrate(shell: Shell, interruption: Interruption): Promise<number> {
  const console = new Console(shell, { json: false });
  try {
    const stage = await setStage(shell, console, interruption);
    const startedAt = performance.now();
    const chapters = await backUp(stage, console);
    await proveReplica(stage, console, chapters);
    const lostAt = await lose(stage, console);
    const faults = await bringBack(stage, console, chapters, lostAt);
    await end(stage, console, faults, (performance.now() - startedAt) / 1000);
    return faults.length === 0 ? EXIT.done : EXIT.failed;
  } catch (error) {
    const { sentence, exitCode } = describeFailure(error);
    for (const line of sentence.split('\n')) await console.note(`holdfast demo: ${plain(line)}`);
    if (shell.env.HOLDFAST_DEBUG === '1' && error instanceof Error) await console.note(error.stack ?? messageOf(error));
    return exitCode;
  }
}

async function setStage(shell: Shell, console: Console, interruption: Interruption): Promise<Stage> {
  const [folder, extra] = shell.args;
  if (extra !== undefined)
    throw new InvalidInputError('the demonstration takes one folder; write npm start -- /some/folder');
  const source = folder === undefined ? undefined : await realPathOf(resolve(shell.folder, folder));
  if (source !== undefined && !(await isFolder(source)))
    throw new InvalidInputError(`${source} is not a folder that is there; write npm start -- /some/folder`);
  const home = await homeApartFrom(source, resolve(shell.folder, '.holdfast', 'demo'));
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true });
  const planFile = join(home, 'holdfast.yml');
  // The demonstration has a key of its own, whatever key its user's shell names.
  const env = Object.fromEntries(
    Object.entries(shell.env).filter(([name]) => !/^HOLDFAST_(PASSPHRASE|KEY_FILE)$/.test(name)),
  );
  const invocation = parseCommandLine(['init', '--config', planFile]);
  const context = { shell: { ...shell, env }, console, invocation, interruption };
  return { home, planFile, source: source ?? join(home, 'application'), readOnly: source !== undefined, context };
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** The stage must not stand in the folder that is backed up. */
async function homeApartFrom(source: string | undefined, usual: string): Promise<string> {
  for (const home of [usual, join(tmpdir(), 'holdfast-demo')]) {
    if (source === undefined || !isWithin(await realPathOf(home), source)) return home;
  }
  throw new InvalidInputError(
    `${source} holds every place that the demonstration could write to; name a smaller folder`,
  );
}

function planText({ home, source }: Stage): string {
  const uri = (...path: string[]) => JSON.stringify(formatUri({ scheme: 'file', path: join(...path) }));
  return `catalogue: embedded
keyFile: holdfast.key
vaults:
  primary: { url: ${uri(home, 'vault-primary')} }
  offsite: { url: ${uri(home, 'vault-offsite')} }
plans:
  ${PLAN}:
    sources: [${uri(source)}]
    vault: primary
    replicateTo: [offsite]
    verify: { after: every, level: restore }
`;
}

/** At most so many entries that cannot be read are named. */
const NAMED = 5;

async function backUp(stage: Stage, console: Console): Promise<readonly Chapter[]> {
  await heading(console, '1. The data');
  if (!stage.readOnly) await buildApplication(stage.source);
  const seen = await witness(stage.source);
  await console.line(
    stage.readOnly
      ? `Your folder ${plain(stage.source)}, which is only read:`
      : `A small application, made for this: photographs, messages, code, settings, and names that other tools trip over:`,
  );
  await console.line(
    `${counted(seen.files, 'file', 'files')}, ${showBytes(seen.bytes)}, ${counted(seen.entries.size, 'entry', 'entries')} with folders and links.`,
  );
  for (const [path, reason] of [...seen.leftOut].slice(0, NAMED))
    await console.line(`Left out: ${plain(Buffer.from(path, 'latin1').toString('utf8'))}: ${reason}.`);
  if (seen.leftOut.size > NAMED) await console.line(`Left out: ${showCount(seen.leftOut.size - NAMED)} more.`);
  if (stage.readOnly && !setsOwners) await console.line('Owners are not restored: only root can give files to others.');
  await assertRoom(stage, seen.bytes);

  await heading(console, '2. Three backups, each copied to a second vault and proven by restoring it');
  await writeFile(stage.planFile, planText(stage));
  await initialise(stage.context);
  const chapters = [await backUpOnce(stage.context, PLAN, 'full', seen)];
  if (!stage.readOnly) await changeSome(stage.source);
  chapters.push(await backUpOnce(stage.context, PLAN, 'incremental', await witness(stage.source)));
  if (!stage.readOnly) await changeMore(stage.source);
  chapters.push(await backUpOnce(stage.context, PLAN, 'differential', await witness(stage.source)));
  await console.lines(chapterTable(chapters));
  await console.line();
  await console.line('incremental: what changed since the snapshot before; differential: what changed since the full.');
  await console.line(
    'Stored is compressed and encrypted; each content is kept once. The second vault holds the same three.',
  );
  return chapters;
}

/** Two vaults, and the restored folders beside a sandbox: what five copies take, at worst. */
const COPIES = 5;

async function assertRoom({ home }: Stage, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(home);
  if (bavail * bsize < bytes * COPIES)
    throw new InvalidInputError(
      `the demonstration may need ${showBytes(bytes * COPIES)} in ${home}, where ${showBytes(bavail * bsize)} are free; name a smaller folder`,
    );
}

async function proveReplica(stage: Stage, console: Console, chapters: readonly Chapter[]): Promise<void> {
  const last = chapters.at(-1);
  if (last === undefined) return;
  const { outcome, verification } = await withSession(stage.context, (session) =>
    verifyPoint(session, replicaOf(last).recoveryPointId, 'restore'),
  );
  if (outcome.outcome !== 'verified' && outcome.outcome !== 'verified-empty')
    throw new IntegrityError(`the replica does not verify: ${outcome.reason ?? outcome.outcome}`);
  await console.line(
    `The newest copy in the second vault, restored from there: ${outcome.outcome}, ${showCount(verification?.checkedEntries ?? 0)} of ${showCount(verification?.totalEntries ?? 0)} entries compared.`,
  );
}

/** Returns the time of the loss, in milliseconds. */
async function lose(stage: Stage, console: Console): Promise<number> {
  await heading(console, '3. The disaster');
  const lostAt = Date.now();
  await rm(join(stage.home, 'vault-primary'), { recursive: true });
  if (stage.readOnly) {
    await console.line('The first vault is deleted. Your folder is left as it is; take it for lost.');
  } else {
    await rm(stage.source, { recursive: true });
    await console.line(
      'The application and the first vault are deleted. What is left is the second vault and the key.',
    );
  }
  return lostAt;
}

async function bringBack(
  stage: Stage,
  console: Console,
  chapters: readonly Chapter[],
  lostAt: number,
): Promise<readonly string[]> {
  await heading(console, '4. Back from the second vault');
  const faults: string[] = [];
  // A folder that did not change has one state to compare with.
  const told = stage.readOnly ? chapters.slice(-1) : chapters;
  for (const chapter of told) {
    const target = join(stage.home, `restored-${chapter.kind}`);
    const report = await withSession(stage.context, (session: Session) =>
      restoreTo(session, {
        recoveryPointId: replicaOf(chapter).recoveryPointId,
        vault: 'offsite',
        to: formatUri({ scheme: 'file', path: target }),
      }),
    );
    const unsettled = stage.readOnly ? await changedMeanwhile(stage, console, chapter) : new Set();
    const found = differences(chapter.seen, await witness(target), { setsOwners })
      .filter(({ path }) => !unsettled.has(path))
      .map(({ sentence }) => sentence);
    if (report.status !== 'succeeded') found.push(`the restore ended ${report.status}`, ...report.problems);
    faults.push(...found.map((fault) => `${chapter.kind}: ${fault}`));
    await console.line(
      `${chapter.kind.padEnd(12)}  ${counted(report.restored, 'entry', 'entries')}, ${showBytes(report.bytes)} in ${showSeconds(report.measuredRtoSeconds)}: ${found.length === 0 ? 'every byte, mode, time and link is the same' : `${counted(found.length, 'DIFFERENCE', 'DIFFERENCES')}`}`,
    );
    if (chapter === told.at(-1)) await tellObjectives(console, chapter, lostAt, report.measuredRtoSeconds);
  }
  return faults;
}

/** In a folder that is in use: the paths that are no longer what they were before the backup, and so prove nothing. */
async function changedMeanwhile(stage: Stage, console: Console, chapter: Chapter): Promise<ReadonlySet<string>> {
  const changed = new Set(
    differences(chapter.seen, await witness(stage.source), { setsOwners: true }).map(({ path }) => path),
  );
  if (changed.size > 0)
    await console.line(`Not compared, because they changed meanwhile: ${counted(changed.size, 'entry', 'entries')}.`);
  return changed;
}

async function tellObjectives(console: Console, chapter: Chapter, lostAt: number, rtoSeconds: number): Promise<void> {
  const rpoSeconds = (lostAt - Date.parse(chapter.report.recoveryPoint.consistentAt)) / 1000;
  await console.line();
  await console.line(`measuredRpoSeconds  ${rpoSeconds.toFixed(1).padStart(6)}  of changes would have been lost`);
  await console.line(`measuredRtoSeconds  ${rtoSeconds.toFixed(1).padStart(6)}  until everything was back`);
}

async function end(stage: Stage, console: Console, faults: readonly string[], seconds: number): Promise<void> {
  await console.line();
  for (const fault of faults.slice(0, 20)) await console.line(`DIFFERENCE: ${plain(fault)}`);
  await console.line(
    faults.length === 0
      ? `Done in ${showSeconds(seconds)}; everything is in ${stage.home}.`
      : `NOT restored as it was: ${counted(faults.length, 'difference', 'differences')}; see ${stage.home}.`,
  );
  await heading(console, 'Your own data');
  await console.lines([
    '  npm link                     once, here: it puts holdfast on your PATH',
    '  holdfast init --source /your/folder --vault /another/disk/vault',
    '  holdfast run app',
    '  holdfast restore /your/folder --to /tmp/restored',
  ]);
}

async function heading(console: Console, text: string): Promise<void> {
  await console.line();
  await console.line(text);
}

/** `npm start`. */
export async function demonstrateFromShell(): Promise<void> {
  await inThisProcess(demonstrate);
}
