// SPDX-License-Identifier: GPL-2.0-or-later
// The buttons for what can be done to one or several patches, as far as the service says that the user may.
import { Button, Flex, FlexItem, Tooltip } from "@patternfly/react-core";
import { useState } from "react";
import type { Permission } from "../bus/operations";
import { _ } from "../i18n";
import type { Patch } from "../model/patch";
import { fits, isFrom, labelOf, reasonAgainst, TABLE, VERBS, type Verb } from "../model/verbs";
import { useLoaded, usePage, useSnapshot } from "./context";
import { useWishes } from "./feedback";
import { VerbDialog } from "./verb-dialog";

function reasonOf(verb: Verb, patches: Patch[], permission: Permission | undefined): string {
  const byState = reasonAgainst(verb, patches);
  if (byState)
    return byState;
  switch (permission?.refusal) {
    case undefined:
      return _("Asking whether you may do this");
    case "":
      return "";
    case "challenge":
      return _("This needs administrative access.");
    case "too-many":
      return _("At most 256 patches can be worked on at once");
    case "error":
      return _("Nobody can say whether you may do this: polkit doesn’t answer");
    default:
      return _("You aren’t allowed to do this");
  }
}

interface Props {
  patches: Patch[];
  /** Called when something was begun. */
  onBegun?: () => void;
}

export function ActionButtons({ patches, onBegun }: Props) {
  const { operations } = usePage();
  const { permissions } = useSnapshot();
  const wishes = useWishes();
  const [asked, setAsked] = useState<{ verb: Verb; patches: Patch[] } | null>(null);
  const key = `${permissions} ${patches.map(patch => patch.path + patch.state + patch.problems.join() + patch.job).join(" ")}`;
  const paths = patches.map(patch => patch.path).join(" ");
  const answer = useLoaded(async () => ({ paths, permissions: await operations.permissions(patches) }), key).value;
  // An answer about another selection must not be acted on: its patches are not these.
  const value = answer?.paths === paths ? answer.permissions : null;

  const begin = (verb: Verb, fit: Patch[], reason = ""): void => {
    setAsked(null);
    wishes.perform(verb, fit, reason);
    onBegun?.();
  };
  // Verbs that the states rule out aren't offered; those that only the user's rights rule out say so.
  const offered = VERBS.filter(verb => patches.some(patch => isFrom(verb, patch.state) || fits(verb, patch)));
  return (
    <>
      <Flex gap={{ default: "gapSm" }}>
        {offered.map(verb => {
          const permission = value?.get(verb);
          const reason = reasonOf(verb, patches, permission);
          const button = (
            <Button
              // One button stands out, the next step; a red surface is kept for the one that does it, in the question.
              variant={!TABLE[verb].destructive && verb === offered[0] ? "primary" : "secondary"} isDanger={TABLE[verb].destructive}
              isAriaDisabled={reason !== ""} data-verb={verb}
              onClick={() => TABLE[verb].question ? setAsked({ verb, patches: permission?.fit ?? [] }) : begin(verb, permission?.fit ?? [])}
            >
              {labelOf(verb)}
            </Button>
          );
          return <FlexItem key={verb}><Tooltip content={reason || _(TABLE[verb].explanation)}>{button}</Tooltip></FlexItem>;
        })}
      </Flex>
      {asked && (
        <VerbDialog verb={asked.verb} patches={asked.patches} onClose={() => setAsked(null)} onConfirm={reason => begin(asked.verb, asked.patches, reason)} />
      )}
    </>
  );
}
