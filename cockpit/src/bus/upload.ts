// SPDX-License-Identifier: GPL-2.0-or-later
// Brings a file of the browser's machine into a private folder on the host. Written with the same privileges as the call
// that names it: the service takes files of its caller and of root only.
import cockpit from "../cockpit";

export interface Upload {
  /** Absolute path on the host. */
  path: string;
  remove(): Promise<void>;
}

/** As large as Cockpit can carry in one message and no bundle has reason to be. */
const MOST_BYTES = 64 * 1024 * 1024;

// mktemp makes the folder 0700. The cache is on a disk, which a bundle may need, and belongs to one user.
const MAKE_FOLDER = 'umask 077; cache="${XDG_CACHE_HOME:-$HOME/.cache}"; mkdir -p "$cache" && exec mktemp -d "$cache/syscare-upload.XXXXXX"';

/** Only what a file name needs: it becomes part of a path, and the service shows it. */
const safeName = (name: string): string => name.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^\.+/, "_").slice(-100) || "bundle";

/** Throws an Error or Cockpit's Problem when the file can't be read or written. */
export async function upload(file: File): Promise<Upload> {
  if (file.size > MOST_BYTES)
    throw new Error(`${file.name}: ${file.size} > ${MOST_BYTES}`);
  const content = new Uint8Array(await file.arrayBuffer());
  const folder = (await cockpit.spawn(["/bin/sh", "-c", MAKE_FOLDER], { superuser: "try", err: "message" })).trim();
  const remove = async (): Promise<void> => {
    try {
      await cockpit.spawn(["rm", "-rf", "--", folder], { superuser: "try", err: "message" });
    } catch (problem) {
      console.warn("the uploaded copy could not be removed:", problem);
    }
  };
  const path = `${folder}/${safeName(file.name)}`;
  const handle = cockpit.file(path, { binary: true, superuser: "try" });
  try {
    await handle.replace(content);
  } catch (problem) {
    await remove();
    throw problem;
  } finally {
    handle.close();
  }
  return { path, remove };
}
