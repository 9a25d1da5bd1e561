/** The directory source: `file:///dir`. */
import type { ListedTarget } from '../core/ports.ts';
import { attributesOf, diskAttributesDiffer } from './files/attributes.ts';
import { listPlace } from './files/list.ts';
import { openEntry } from './files/open.ts';
import { placeOf, statRoot, turnGiver } from './files/place.ts';
import { makeRoom } from './files/room.ts';
import { fileWriter } from './files/writer.ts';

/**
 * A directory as a source and as a restore's target. Every file, symbolic link and directory below it is an entry; links are entries
 * of their own and never followed, except that the root itself may be one. Attributes: `DiskAttributes`. The root is no entry:
 * its attributes are the setting `root`.
 * @param path absolute. @throws InvalidInputError when it is not.
 */
export function fileSource(path: string): ListedTarget {
  const place = placeOf(path);
  const giveTurn = turnGiver();
  const room = makeRoom();
  const setsOwners = process.geteuid?.() === 0;
  return {
    ...fileWriter(place),
    list: (range) => listPlace(place, range),
    async open(listed) {
      await giveTurn();
      return openEntry(place, listed, room);
    },
    async settings() {
      const { mode, mtimeNs, uid, gid } = attributesOf('directory', statRoot(place));
      return { settings: { root: { mode, mtimeNs, uid, gid } }, notCaptured: [] };
    },
    attributesDiffer: (stored, found) => diskAttributesDiffer(stored, found, { setsOwners }),
  };
}
