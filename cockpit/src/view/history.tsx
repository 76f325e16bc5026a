// SPDX-License-Identifier: GPL-2.0-or-later
// What was done to one patch, by whom, and how it ended.
import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { HistoryIcon } from "@patternfly/react-icons";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState } from "react";
import cockpit from "../cockpit";
import type { HistoryRecord } from "../bus/operations";
import { _ } from "../i18n";
import { PAGE_SIZE } from "../model/filter";
import { UNKNOWN_UID } from "../model/job";
import type { Patch } from "../model/patch";
import { nounOf } from "../model/verbs";
import { resultWord, timeWords } from "../model/words";
import { useLoaded, usePage } from "./context";
import { Loading, NotReadable, Pager, WordLabel } from "./parts";

/** Administrative access arrives as root: the login's user is who it was. */
function byWhom(record: HistoryRecord, own: number | undefined): string {
  const uid = record.loginUid === UNKNOWN_UID ? record.uid : record.loginUid;
  if (uid === UNKNOWN_UID)
    return _("by the service");
  return uid === own ? _("by you") : _("by user id %u", uid);
}

export function History({ patch }: { patch: Patch }) {
  const { operations } = usePage();
  const [page, setPage] = useState(1);
  const user = useLoaded(() => cockpit.user(), "user");
  const { value, problem, again } = useLoaded(() => operations.history(patch.uuid), `${patch.uuid} ${patch.state} ${patch.job} ${patch.lastChange}`);
  if (problem && !value)
    return <NotReadable title={_("The history can’t be shown")} problem={problem} again={again} />;
  if (!value)
    return <Loading text={_("Asking the patch service")} />;
  if (value.length === 0)
    return (
      <EmptyState titleText={_("Nothing was done yet")} headingLevel="h3" icon={HistoryIcon} variant="sm">
        <EmptyStateBody>{_("What is done to this patch from now on is listed here.")}</EmptyStateBody>
      </EmptyState>
    );
  return (
    <>
      <Table aria-label={_("History")} variant="compact" className="syscare-table" gridBreakPoint="grid-lg">
        <Thead>
          <Tr><Th modifier="nowrap">{_("Time")}</Th><Th modifier="nowrap">{_("Action")}</Th><Th modifier="nowrap">{_("By")}</Th><Th modifier="nowrap">{_("Result")}</Th><Th modifier="nowrap">{_("Reason")}</Th></Tr>
        </Thead>
        <Tbody>
          {value.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE).map((record, index) => (
            <Tr key={index} data-verb={record.verb}>
              <Td dataLabel={_("Time")}>{timeWords(record.time)}</Td>
              <Td dataLabel={_("Action")}>{nounOf(record.verb)}</Td>
              <Td dataLabel={_("By")}>{byWhom(record, user.value?.id)}</Td>
              <Td dataLabel={_("Result")}><div><WordLabel word={resultWord(record.result)} /></div></Td>
              <Td dataLabel={_("Reason")}><div className="syscare-lines">{[record.reason, record.message].filter(part => part !== "").join("\n") || "–"}</div></Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      <Pager count={value.length} page={page} setPage={setPage} />
    </>
  );
}
