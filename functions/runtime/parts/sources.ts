/** The sources of the plan, each opened once. Tables are exported into the work bucket, unless the plan says where. */
import type { ReadOptions } from '../../core/ports.ts';
import { openOnce } from '../open-once.ts';
import { part } from './part.ts';
import { openReachable } from './places.ts';

export const sources = part(['HOLDFAST_WORK_BUCKET'], ({ HOLDFAST_WORK_BUCKET }) => ({
  openSource: openOnce((uri: string, options?: ReadOptions) =>
    openReachable(uri, { ...options, exportTo: options?.exportTo ?? `s3://${HOLDFAST_WORK_BUCKET}/exports/` }),
  ),
}));
