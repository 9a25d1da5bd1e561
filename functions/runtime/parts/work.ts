/** The work place of the stack, in S3. */
import { s3BlobStore } from '../../stores/s3.ts';
import { ownS3Clients } from '../s3-clients.ts';
import { part } from './part.ts';

export const work = part(['HOLDFAST_WORK_BUCKET'], ({ HOLDFAST_WORK_BUCKET }) => ({
  work: s3BlobStore(ownS3Clients(), { bucket: HOLDFAST_WORK_BUCKET, prefix: '' }),
}));
