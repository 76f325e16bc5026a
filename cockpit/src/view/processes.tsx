// SPDX-License-Identifier: GPL-2.0-or-later
// Which processes run a patch, which don't, and why.
import { Content, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { CubesIcon } from "@patternfly/react-icons";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState } from "react";
import type { RunningProcess } from "../bus/operations";
import { _, ngettext } from "../i18n";
import { PAGE_SIZE } from "../model/filter";
import { UNKNOWN_UID } from "../model/job";
import type { Patch } from "../model/patch";
import { processWord } from "../model/words";
import { useLoaded, usePage, useSnapshot } from "./context";
import { Loading, NotReadable, Pager, WordLabel } from "./parts";

function explanation(process: RunningProcess): string {
  if (process.reason && process.detail)
    return _("%s: %s", process.reason, process.detail);
  if (process.reason || process.detail)
    return process.reason || process.detail;
  return process.status === "pending" ? _("It is still running the original code and will be switched over.") : "";
}

export function Processes({ patch }: { patch: Patch }) {
  const { operations } = usePage();
  const { permissions } = useSnapshot();
  const [wantedPage, setPage] = useState(1);
  const { value, problem, again } = useLoaded(() => operations.processes(patch), `${patch.path} ${permissions}`);
  if (problem && !value)
    return <NotReadable title={_("The processes can’t be shown")} problem={problem} again={again} />;
  if (!value)
    return <Loading text={_("Looking for processes")} />;
  if (value.length === 0)
    return (
      <EmptyState titleText={_("No processes")} headingLevel="h3" icon={CubesIcon} variant="sm">
        <EmptyStateBody>{_("Nothing runs the target of this patch at the moment.")}</EmptyStateBody>
      </EmptyState>
    );
  // There may be fewer than a moment ago.
  const page = Math.min(wantedPage, Math.ceil(value.length / PAGE_SIZE));
  const patched = value.filter(process => process.status === "patched").length;
  return (
    <>
      <Content component="p">
        {ngettext("%u of %u process runs the new code", "%u of %u processes run the new code", value.length, patched, value.length)}
      </Content>
      <Table aria-label={_("Processes")} variant="compact" className="syscare-table" gridBreakPoint="grid-lg">
        <Thead>
          <Tr><Th modifier="nowrap">PID</Th><Th modifier="nowrap">{_("Command")}</Th><Th modifier="nowrap">{_("State")}</Th><Th modifier="nowrap">{_("Where")}</Th><Th modifier="nowrap">{_("Reason")}</Th></Tr>
        </Thead>
        <Tbody>
          {value.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE).map(process => (
            <Tr key={process.pid} data-pid={process.pid}>
              <Td dataLabel="PID" modifier="nowrap">{process.pid}</Td>
              <Td dataLabel={_("Command")}><div>{process.command}</div></Td>
              <Td dataLabel={_("State")}><div><WordLabel word={processWord(process.status)} /></div></Td>
              <Td dataLabel={_("Where")}>
                <div>
                  {[process.unit, process.container && _("container %s", process.container),
                    process.uid === UNKNOWN_UID ? "" : _("user id %u", process.uid)].filter(part => part).join(" · ")}
                </div>
              </Td>
              <Td dataLabel={_("Reason")}><div>{explanation(process) || "–"}</div></Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      <Pager count={value.length} page={page} setPage={setPage} />
    </>
  );
}
