// SPDX-License-Identifier: GPL-2.0-or-later
// Does what the user wishes and tells how it ended: a notice with "Undo", a list of results, or what went wrong.
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Alert, AlertActionCloseButton, AlertActionLink, AlertGroup } from "@patternfly/react-core";
import type { Problem } from "../cockpit";
import type { Begun, Outcome } from "../bus/operations";
import { allPending, forget, remember, type Pending } from "../bus/pending";
import { upload } from "../bus/upload";
import { _, withoutMnemonic } from "../i18n";
import { failureFrom, type Failure } from "../model/errors";
import type { Job } from "../model/job";
import { titleOf, type Patch } from "../model/patch";
import { nounOf, TABLE, type Verb } from "../model/verbs";
import { patchesWords } from "../model/words";
import { usePage } from "./context";
import { ResultDialog } from "./result-dialog";

interface Notice {
  id: number;
  text: string;
  detail: string;
  tone: "success" | "info" | "warning";
  /** States before and after, by path; null: nothing to undo. */
  undo: { before: ReadonlyMap<string, string>; after: ReadonlyMap<string, string> } | null;
  /** The job that it tells the end of, if any. */
  job?: string;
}

export interface Wishes {
  perform(verb: Verb, patches: Patch[], reason?: string): void;
  uninstall(patches: Patch[]): void;
  /** Until @file is on the host, or isn't for some reason that was told; it is installed after that. */
  install(file: File, progress: (part: number) => void, signal: AbortSignal): Promise<void>;
  tell(text: string): void;
  tellFailure(failure: Failure): void;
}

const WishesContext = createContext<Wishes | null>(null);

export function useWishes(): Wishes {
  const wishes = useContext(WishesContext);
  if (!wishes)
    throw new Error("used outside of the page");
  return wishes;
}

const NOTICE_MSEC = 10000;
const MOST_NOTICES = 4;

export function Feedback({ children }: { children: ReactNode }) {
  const { store, operations } = usePage();
  const [notices, setNotices] = useState<Notice[]>([]);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const next = useRef(0);

  const add = useCallback((notice: Omit<Notice, "id">) => {
    const id = next.current++;
    setNotices(before => [...before, { ...notice, id }].slice(-MOST_NOTICES));
  }, []);
  const drop = useCallback((dropped: Notice) => {
    if (dropped.job)
      forget(dropped.job);
    setNotices(before => before.filter(notice => notice.id !== dropped.id));
  }, []);

  const told = useMemo(() => {
    const tell = (text: string): void => add({ text, detail: "", tone: "info", undo: null });
    const tellFailure = (failure: Failure): void => {
      if (failure.kind === "real")
        setOutcome({ failure, results: [], changed: false });
      else
        add({
          text: failure.kind === "cancelled" ? _("Cancelled") : failure.sentence,
          detail: failure.advice, tone: "warning", undo: null,
        });
    };
    return { tell, tellFailure };
  }, [add]);

  const tellEnd = useCallback((ended: Outcome, { job, changed, unchanged, several, before }: Pending): void => {
    if (ended.failure) {
      forget(job);
      if (ended.failure.kind === "real")
        setOutcome(several ? ended : { ...ended, results: [] });
      else
        told.tellFailure(ended.failure);
      return;
    }
    const undo = before && { before: new Map(before), after: new Map(ended.results.map(result => [result.path, result.state])) };
    const undoes = ended.changed && undo && [...undo.before].some(([path, state]) => undo.after.get(path) !== state);
    add({ text: ended.changed ? changed : unchanged, detail: "", tone: "success", undo: undoes ? undo : null, job });
    if (several)
      setOutcome(ended);
  }, [add, told]);

  const wishes = useMemo<Wishes>(() => {
    /** Does what @run does, and tells its end; also after the page was loaded anew meanwhile. */
    const follow = async (run: (begun: Begun) => Promise<Outcome>, words: Pick<Pending, "changed" | "unchanged">,
                          several = false, before: Pending["before"] = null): Promise<void> => {
      const pending: Pending = { job: "", owner: store.connection.ownerName, ...words, several, before };
      const ended = await run(job => {
        pending.job = job;
        remember(pending);
      });
      tellEnd(ended, pending);
    };
    return {
      ...told,
      async perform(verb, patches, reason) {
        const words = patchesWords(patches);
        await follow(begun => operations.perform(verb, patches, reason, begun), { changed: _(TABLE[verb].done, words), unchanged: _("%s: nothing to do", words) },
                     patches.length > 1, patches.map(patch => [patch.path, patch.state]));
      },
      async uninstall(patches) {
        const words = _("%s uninstalled", patchesWords(patches));
        await follow(begun => operations.uninstall(patches, begun), { changed: words, unchanged: words });
      },
      async install(file, progress, signal) {
        try {
          const copy = await upload(file, progress, signal);
          follow(begun => operations.install(copy, begun),
                 { changed: _("Patch installed; it isn’t applied yet"), unchanged: _("The patch was installed already") });
        } catch (problem) {
          if (signal.aborted)
            told.tell(_("Cancelled"));
          else
            told.tellFailure(failureFrom("Failed", (problem as Problem).message ?? String(problem)));
        }
      },
    };
  }, [operations, store, tellEnd, told]);

  // What this page had begun before it was loaded anew. Which machine it is about is known when the first answer has come.
  useEffect(() => {
    const resume = async (): Promise<void> => {
      const there = await store.connection.isThere();
      await Promise.all(allPending().map(async pending => {
        const ended = there && store.connection.ownerName === pending.owner ? await operations.resume(pending.job) : null;
        if (ended)
          tellEnd(ended, pending);
        else
          forget(pending.job);
      }));
    };
    resume();
  }, [operations, store, tellEnd]);

  const undo = async (notice: Notice): Promise<void> => {
    drop(notice);
    const paths = [...notice.undo?.before.keys() ?? []];
    const known = store.snapshot().patches;
    const words = patchesWords(paths.flatMap(path => known?.get(path) ?? []));
    const ended = notice.undo && await operations.undo(notice.undo.before, notice.undo.after);
    if (!ended)
      wishes.tell(_("There is nothing to undo"));
    else if (ended.failure)
      wishes.tellFailure(ended.failure);
    else
      add({ text: _("%s: as it was before", words), detail: "", tone: "success", undo: null });
  };

  useEffect(() => store.onJobEnd(async job => {
    if (!await operations.isOwn(job))
      add({ text: foreignWords(job, store.snapshot().patches?.get(job.patches[0] ?? "")), detail: "", tone: "info", undo: null });
  }), [add, operations, store]);

  return (
    <WishesContext.Provider value={wishes}>
      {children}
      <AlertGroup isToast isLiveRegion aria-label={_("Notices")}>
        {notices.map(notice => (
          <Alert
            key={notice.id} variant={notice.tone} title={notice.text} component="h2" timeout={NOTICE_MSEC} onTimeout={() => drop(notice)}
            actionClose={<AlertActionCloseButton title={withoutMnemonic(_("_Close"))} onClose={() => drop(notice)} />}
            actionLinks={notice.undo && <AlertActionLink onClick={() => undo(notice)}>{withoutMnemonic(_("_Undo"))}</AlertActionLink>}
          >
            {notice.detail || undefined}
          </Alert>
        ))}
      </AlertGroup>
      {outcome && <ResultDialog outcome={outcome} onClose={() => setOutcome(null)} />}
    </WishesContext.Provider>
  );
}

/** "HP001 · toy: Apply done by another client" */
function foreignWords(job: Job, patch: Patch | undefined): string {
  const words = patch ? titleOf(patch) : _("A patch");
  return job.errorName
    ? _("%s: %s failed for another client", words, nounOf(job.verb))
    : _("%s: %s done by another client", words, nounOf(job.verb));
}
