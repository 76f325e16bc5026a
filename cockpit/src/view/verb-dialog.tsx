// SPDX-License-Identifier: GPL-2.0-or-later
// The question before something is done: what it means for the running processes, and what a dry run found.
import {
  Alert, Button, Content, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, Stack, StackItem, TextInput,
} from "@patternfly/react-core";
import { useState } from "react";
import type { Finding } from "../bus/operations";
import { _, ngettext, withoutMnemonic } from "../i18n";
import { isAsSeen, titleOf, type Patch } from "../model/patch";
import { nounOf, TABLE, type Verb } from "../model/verbs";
import { findingWord, patchesWords } from "../model/words";
import { useLoaded, usePage, useSnapshot } from "./context";
import { Loading, NotReadable } from "./parts";

/** Rows that are drawn; the most serious come first. */
const MOST_FINDINGS = 100;
const MOST_ISSUES = 5;
/** The interface takes 1024 bytes, and none of JavaScript's characters is more than three. */
const MOST_REASON = 341;

interface Props {
  verb: Verb;
  patches: Patch[];
  onClose: () => void;
  onConfirm: (reason: string) => void;
}

/** What changes for the processes and for the protection. */
function consequence(verb: Verb, patches: Patch[]): string {
  if (verb === "apply")
    return _("The new code is put in effect in every running process of the target. They keep running; connections and data stay.");
  if (verb === "revoke")
    return _("The patch stays active now, but it doesn’t come back after a reboot.");
  const processes = patches.reduce((sum, patch) => sum + patch.processesPatched, 0);
  const issues = [...new Set(patches.flatMap(patch => patch.issues))].slice(0, MOST_ISSUES).join(", ");
  const where = processes > 0
    ? ngettext("The original code runs again in %u process. It keeps running.",
               "The original code runs again in %u processes. They keep running.", processes, processes)
    : _("The original code is in effect again.");
  return issues ? `${where} ${_("Then this is open again:")} ${issues}` : where;
}

function findingTitle(finding: Finding, patch: Patch | undefined): string {
  const process = finding.pid > 0 ? _("%s, PID %u", finding.command, finding.pid) : "";
  return [patch ? titleOf(patch) : "", process, finding.message || findingWord(finding.severity).word].filter(part => part !== "").join(" · ");
}

const ALERTS: Record<string, "success" | "info" | "warning" | "danger"> = { ok: "success", info: "info", warning: "warning", error: "danger" };

export function VerbDialog({ verb, patches, onClose, onConfirm }: Props) {
  const { operations } = usePage();
  const known = useSnapshot().patches;
  const { value, problem, again } = useLoaded(() => operations.check(verb, patches), `${verb} ${patches.map(patch => patch.path).join(" ")}`);
  const [reason, setReason] = useState("");
  const stale = patches.some(patch => !isAsSeen(patch, known?.get(patch.path)));
  const refused = stale || (value?.some(finding => finding.severity === "error") ?? false);
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="verb-title" data-dialog={verb}>
      <ModalHeader title={_(TABLE[verb].question, patchesWords(patches))} titleIconVariant={TABLE[verb].destructive ? "warning" : undefined} labelId="verb-title" />
      <ModalBody tabIndex={0} role="region" aria-label={_(TABLE[verb].question, patchesWords(patches))}>
        <Stack hasGutter>
          {stale && (
            <StackItem>
              <Alert isInline component="h3" variant="warning" title={_("It changed while this question was open.")}>{_("Look again.")}</Alert>
            </StackItem>
          )}
          <StackItem><Content><p>{consequence(verb, patches)}</p></Content></StackItem>
          <StackItem>
            <Content component="h3">{_("Dry run")}</Content>
            <Content component="small">{_("What the service found by looking only; nothing was changed.")}</Content>
          </StackItem>
          {!value && !problem && <StackItem><Loading text={_("Checking")} /></StackItem>}
          {problem !== null && <StackItem><NotReadable title={_("The dry run failed")} problem={problem} again={again} /></StackItem>}
          {value?.slice(0, MOST_FINDINGS).map((finding, index) => (
            <StackItem key={index}>
              <Alert
                isInline isPlain component="h4" variant={ALERTS[finding.severity] ?? "info"}
                title={findingTitle(finding, patches.length > 1 ? known?.get(finding.path) : undefined)}
              >
                {finding.detail || undefined}
              </Alert>
            </StackItem>
          ))}
          {value?.length === 0 && <StackItem><Alert isInline isPlain component="h4" variant="success" title={_("Nothing speaks against it")} /></StackItem>}
          <StackItem>
            <FormGroup label={_("Reason")} fieldId="verb-reason">
              <TextInput
                id="verb-reason" value={reason} onChange={(_event, text) => setReason(text)} maxLength={MOST_REASON} placeholder={_("Kept in the history")}
              />
            </FormGroup>
          </StackItem>
        </Stack>
      </ModalBody>
      <ModalFooter>
        <Button variant={TABLE[verb].destructive ? "danger" : "primary"} isDisabled={refused} onClick={() => onConfirm(reason.trim())}>{nounOf(verb)}</Button>
        <Button variant="link" onClick={onClose}>{withoutMnemonic(_("_Cancel"))}</Button>
      </ModalFooter>
    </Modal>
  );
}
