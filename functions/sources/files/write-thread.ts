/** The thread that writes small files (see `aside.ts`): nothing is decided here, and what does not go the usual way is left as it was. */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  futimesSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { Batch, FileJob } from './aside.ts';

const bytesOf = (path: string): Buffer => Buffer.from(path, 'latin1');

function isWritten(job: FileJob, content: Uint8Array): boolean {
  const partial = bytesOf(job.partialPath);
  let fd: number;
  try {
    fd = openSync(partial, 'wx', 0o600);
  } catch {
    return false;
  }
  try {
    try {
      for (let offset = 0; offset < content.length; ) offset += writeSync(fd, content, offset);
      if (job.owner !== undefined) fchownSync(fd, job.owner.uid, job.owner.gid);
      fchmodSync(fd, job.mode); // After the owner: a change of owner takes the setuid bit away.
      if (job.seconds !== undefined) futimesSync(fd, job.seconds, job.seconds);
    } finally {
      closeSync(fd);
    }
    if (job.parent !== undefined) {
      const { dev, ino } = lstatSync(bytesOf(job.parent.path));
      if (`${dev}:${ino}` !== job.parent.identity) throw new Error('something else is in the place of the directory');
    }
    renameSync(partial, bytesOf(job.path));
    return true;
  } catch {
    try {
      unlinkSync(partial);
    } catch {}
    return false;
  }
}

parentPort?.on('message', ({ jobs, content }: Batch) => {
  let at = 0;
  const written = jobs.map((job) => {
    at += job.sizeBytes;
    return isWritten(job, content.subarray(at - job.sizeBytes, at));
  });
  parentPort?.postMessage(written);
});
