// SPDX-License-Identifier: GPL-2.0-or-later
// Brings a file of the browser's machine into a private folder on the host. Written with the same privileges as the call
// that names it: the service takes files of its caller and of root only.
import cockpit, { type Process } from "../cockpit";

export interface Upload {
  /** Absolute path on the host. */
  path: string;
  remove(): Promise<void>;
}

/** What no bundle has reason to be larger than. */
export const MOST_MIB = 64;
/** What is written at once: only the end of a file is answered, so a file in pieces is what shows progress and can be ended in between. */
const PIECE_BYTES = 512 * 1024;

// mktemp makes the folder 0700. The cache is on a disk, which a bundle may need, and belongs to one user. The program lives as long as the
// folder is needed and takes it along at its end, also when that is the end of the page, of the login or of the network between them.
const HOLD_FOLDER = `umask 077; cache="\${XDG_CACHE_HOME:-$HOME/.cache}"; mkdir -p "$cache" && folder=$(mktemp -d "$cache/syscare-upload.XXXXXX") || exit
trap 'rm -rf -- "$folder"' EXIT; trap 'exit 0' HUP INT TERM; echo "$folder"; read -r _`;
const JOIN_PIECES = 'cd "$1" && cat piece.* >"$2" && rm piece.*';

/** Only what a file name needs: it becomes part of a path, and the service shows it. */
const safeName = (name: string): string => name.replace(/[^A-Za-z0-9._-]/g, "_").replace(/^\.+/, "_").slice(-100) || "bundle";

const run = (command: string[]): Process => cockpit.spawn(command, { superuser: "try", err: "message" });

/** A folder that is there until @remove has ended, or until nobody is there to call that. */
async function makeFolder(): Promise<Upload> {
  const holder = run(["/bin/sh", "-c", HOLD_FOLDER]);
  const ended = Promise.resolve(holder.then(() => undefined));
  ended.catch(() => undefined); // told by whoever waits for the folder, or for its removal
  const path = await Promise.race([
    new Promise<string>(resolve => {
      let told = "";
      holder.stream(text => {
        told += text;
        if (told.endsWith("\n"))
          resolve(told.trim());
      });
    }),
    ended.then(() => Promise.reject(new Error("mktemp"))),
  ]);
  const remove = async (): Promise<void> => {
    holder.input("");
    try {
      await ended;
    } catch (problem) {
      console.warn("the uploaded copy could not be removed:", problem);
    }
  };
  return { path, remove };
}

/** Rejects as soon as @signal says so, and never ends else. */
const ending = (signal: AbortSignal): Promise<never> => new Promise((_resolve, reject) => {
  const end = (): void => reject(signal.reason);
  if (signal.aborted)
    end();
  else
    signal.addEventListener("abort", end);
});

/** Ends at once when it is to: what was sent already is on its way, however long that takes. */
async function write(path: string, content: Uint8Array, ended: Promise<never>): Promise<void> {
  const handle = cockpit.file(path, { binary: true, superuser: "try" });
  try {
    await Promise.race([handle.replace(content), ended]);
  } finally {
    handle.close();
  }
}

/** Throws an Error or Cockpit's Problem when the file can't be read or written, and when @signal ended it; then nothing of it stays.
 * @progress is told the part that is done, from 0 to 1. */
export async function upload(file: File, progress: (part: number) => void, signal: AbortSignal): Promise<Upload> {
  const ended = ending(signal);
  ended.catch(() => undefined); // told by whoever it ends
  const folder = await makeFolder();
  try {
    for (let done = 0, number = 1000; done < file.size; done += PIECE_BYTES, number++) {
      progress(done / file.size);
      const content = new Uint8Array(await file.slice(done, done + PIECE_BYTES).arrayBuffer());
      signal.throwIfAborted();
      await write(`${folder.path}/piece.${number}`, content, ended);
    }
    const name = safeName(file.name);
    await run(["/bin/sh", "-c", JOIN_PIECES, "--", folder.path, `bundle-${name}`]);
    signal.throwIfAborted();
    return { path: `${folder.path}/bundle-${name}`, remove: folder.remove };
  } catch (problem) {
    await folder.remove();
    throw problem;
  }
}
