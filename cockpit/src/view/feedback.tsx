// SPDX-License-Identifier: GPL-2.0-or-later
// Does what the user wishes and tells how it ended: a notice with "Undo", a list of results, or what went wrong.
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { Alert, AlertActionCloseButton, AlertActionLink, AlertGroup } from "@patternfly/react-core";
import type { Outcome } from "../bus/operations";
import { _, withoutMnemonic } from "../i18n";
import type { Failure } from "../model/errors";
import type { Job } from "../model/job";
import { titleOf, type Patch } from "../model/patch";
import { isFrom, nounOf, TABLE, type Verb } from "../model/verbs";
import { patchesWords } from "../model/words";
import { usePage } from "./context";
import { ResultDialog } from "./result-dialog";

interface Notice {
  id: number;
  text: string;
  detail: string;
  tone: "success" | "info" | "warning";
  /** States before, by path; null: nothing to undo. */
  before: ReadonlyMap<string, string> | null;
}

export interface Wishes {
  perform(verb: Verb, patches: Patch[], reason?: string): void;
  uninstall(patches: Patch[]): void;
  install(file: File): Promise<void>;
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
  const drop = useCallback((id: number) => setNotices(before => before.filter(notice => notice.id !== id)), []);

  const wishes = useMemo<Wishes>(() => {
    const tell = (text: string): void => add({ text, detail: "", tone: "info", before: null });
    const tellFailure = (failure: Failure): void => {
      if (failure.kind === "real")
        setOutcome({ failure, results: [], changed: false });
      else
        add({
          text: failure.kind === "cancelled" ? _("Cancelled") : failure.sentence,
          detail: failure.advice, tone: "warning", before: null,
        });
    };
    const tellEnd = (ended: Outcome, text: string, several: boolean, before: ReadonlyMap<string, string> | null): void => {
      if (ended.failure) {
        if (ended.failure.kind === "real")
          setOutcome(several ? ended : { ...ended, results: [] });
        else
          tellFailure(ended.failure);
        return;
      }
      add({ text, detail: "", tone: "success", before });
      if (several)
        setOutcome(ended);
    };
    return {
      tell,
      tellFailure,
      async perform(verb, patches, reason) {
        const before = new Map(patches.map(patch => [patch.path, patch.state]));
        const ended = await operations.perform(verb, patches, reason);
        const words = patchesWords(patches);
        tellEnd(ended, ended.changed ? _(TABLE[verb].done, words) : _("%s: nothing to do", words), patches.length > 1,
                ended.changed && patches.some(patch => isFrom(verb, patch.state)) ? before : null);
      },
      async uninstall(patches) {
        tellEnd(await operations.uninstall(patches), _("%s uninstalled", patchesWords(patches)), false, null);
      },
      async install(file) {
        const ended = await operations.install(file);
        tellEnd(ended, ended.changed ? _("Patch installed; it isn’t applied yet") : _("The patch was installed already"), false, null);
      },
    };
  }, [add, operations]);

  const undo = async (notice: Notice): Promise<void> => {
    drop(notice.id);
    const paths = [...notice.before?.keys() ?? []];
    const known = store.snapshot().patches;
    const words = patchesWords(paths.flatMap(path => known?.get(path) ?? []));
    const ended = notice.before && await operations.undo(notice.before);
    if (!ended)
      wishes.tell(_("There is nothing to undo"));
    else if (ended.failure)
      wishes.tellFailure(ended.failure);
    else
      add({ text: _("%s: as it was before", words), detail: "", tone: "success", before: null });
  };

  useEffect(() => store.onJobEnd(async job => {
    if (!await operations.isOwn(job))
      add({ text: foreignWords(job, store.snapshot().patches?.get(job.patches[0] ?? "")), detail: "", tone: "info", before: null });
  }), [add, operations, store]);

  return (
    <WishesContext.Provider value={wishes}>
      {children}
      <AlertGroup isToast isLiveRegion aria-label={_("Notices")}>
        {notices.map(notice => (
          <Alert
            key={notice.id} variant={notice.tone} title={notice.text} component="h2" timeout={NOTICE_MSEC} onTimeout={() => drop(notice.id)}
            actionClose={<AlertActionCloseButton title={withoutMnemonic(_("_Close"))} onClose={() => drop(notice.id)} />}
            actionLinks={notice.before && <AlertActionLink onClick={() => undo(notice)}>{withoutMnemonic(_("_Undo"))}</AlertActionLink>}
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
