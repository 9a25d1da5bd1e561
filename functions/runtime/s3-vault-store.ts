/** The store of a vault in S3. */
import type { BlobStore } from '../core/ports.ts';
import { asFolder, type S3Uri } from '../core/uri.ts';
import { s3BlobStore } from '../stores/s3.ts';
import { ownS3Clients, type S3Clients } from './s3-clients.ts';

/** `s3://bucket/name` and `s3://bucket/name/` are one place. */
export function s3VaultStore(uri: S3Uri, region: string | undefined, s3: S3Clients = ownS3Clients): BlobStore {
  const { bucket, prefix } = asFolder(uri);
  return s3BlobStore(s3(region), { bucket, prefix });
}
