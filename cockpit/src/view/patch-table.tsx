// SPDX-License-Identifier: GPL-2.0-or-later
// The table of patches with its search and filters, and what can be done to several of them at once.
import {
  Button, Card, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, SearchInput, Toolbar, ToolbarContent, ToolbarGroup, ToolbarItem,
  FormSelect, FormSelectOption, Label, Tooltip,
} from "@patternfly/react-core";
import { ExclamationTriangleIcon, PlusCircleIcon, SearchIcon } from "@patternfly/react-icons";
import { Table, Tbody, Td, Th, Thead, Tr, type ThProps } from "@patternfly/react-table";
import { useEffect, useState } from "react";
import cockpit from "../cockpit";
import { _, ngettext, withoutMnemonic } from "../i18n";
import { narrows, PAGE_SIZE, PLAIN_VIEW, select, type SortKey, type View } from "../model/filter";
import { targetOf, titleOf, type Patch } from "../model/patch";
import { problemWords, severityWord, stateWord } from "../model/words";
import { ActionButtons } from "./actions";
import { usePage, useSnapshot } from "./context";
import { useWishes } from "./feedback";
import { Issues, Loading, Pager, WordLabel } from "./parts";

interface Props {
  patches: ReadonlyMap<string, Patch>;
  view: View;
  setView: (view: View, replace?: boolean) => void;
  onInstall: () => void;
}

const COLUMNS: SortKey[] = ["name", "target", "severity", "state"];
const MOST_ISSUES = 3;
/** Rows that are drawn at once, which fill the screen; the others of the page follow as soon as these are painted. */
const FIRST_ROWS = 12;

export function PatchTable({ patches, view, setView, onInstall }: Props) {
  const { complete } = useSnapshot();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const shown = select(patches.values(), view);
  const pages = Math.max(1, Math.ceil(shown.length / PAGE_SIZE));
  const page = Math.min(view.page, pages);
  const rows = shown.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE);
  const [drawn, setDrawn] = useState(FIRST_ROWS);
  useEffect(() => {
    const timer = window.setTimeout(() => setDrawn(PAGE_SIZE));
    return () => window.clearTimeout(timer);
  }, []);
  const chosen = shown.filter(patch => selected.has(patch.path));
  const allChosen = rows.length > 0 && rows.every(patch => selected.has(patch.path));
  const choose = (paths: string[], on: boolean): void => {
    const next = new Set(selected);
    paths.forEach(path => on ? next.add(path) : next.delete(path));
    setSelected(next);
  };
  const sortOf = (index: number): ThProps["sort"] => ({
    columnIndex: index,
    sortBy: { index: COLUMNS.indexOf(view.sort), direction: view.descending ? "desc" : "asc" },
    onSort: (_event, _index, direction) => setView({ ...view, sort: COLUMNS[index], descending: direction === "desc", page: 1 }),
  });

  return (
    <Card component="section" aria-label={_("Patches")} className="syscare-list">
      <h2 className="syscare-visually-hidden">{_("Patches")}</h2>
      <TableToolbar view={view} setView={setView} onInstall={onInstall} shown={shown.length} all={complete ? patches.size : 0} />
      {chosen.length > 0 && (
        <Toolbar aria-label={_("Selected patches")} isSticky>
          <ToolbarContent>
            <ToolbarItem alignSelf="center">
              {ngettext("%u patch selected", "%u patches selected", chosen.length, chosen.length)}
            </ToolbarItem>
            <ToolbarItem><ActionButtons patches={chosen} onBegun={() => setSelected(new Set())} /></ToolbarItem>
          </ToolbarContent>
        </Toolbar>
      )}
      {rows.length === 0 && !complete && <Loading text={_("Asking the patch service")} />}
      {rows.length === 0
        ? complete && <Nothing view={view} setView={setView} onInstall={onInstall} />
        : (
          <Table aria-label={_("Patches")} variant="compact" className="syscare-table" gridBreakPoint="grid-lg">
            <Thead>
              <Tr>
                <Th
                  aria-label={_("Select all in the list")}
                  select={{ isSelected: allChosen, onSelect: (_event, on) => choose(rows.map(patch => patch.path), on) }}
                />
                <Th sort={sortOf(0)} modifier="nowrap">{_("Patch")}</Th>
                <Th sort={sortOf(1)} modifier="nowrap">{_("Target")}</Th>
                <Th sort={sortOf(2)} modifier="nowrap">{_("Severity")}</Th>
                <Th>{_("Fixes")}</Th>
                <Th sort={sortOf(3)} modifier="nowrap">{_("State")}</Th>
                <Th modifier="nowrap">{_("Processes")}</Th>
              </Tr>
            </Thead>
            <Tbody>
              {rows.slice(0, drawn).map((patch, index) => (
                <Row key={patch.path} patch={patch} index={index} isSelected={selected.has(patch.path)} onSelect={on => choose([patch.path], on)} />
              ))}
            </Tbody>
          </Table>
          )}
      <Pager count={shown.length} page={page} setPage={next => setView({ ...view, page: next })} />
    </Card>
  );
}

interface RowProps {
  patch: Patch;
  index: number;
  isSelected: boolean;
  onSelect: (on: boolean) => void;
}

function Row({ patch, index, isSelected, onSelect }: RowProps) {
  const title = titleOf(patch);
  return (
    <Tr data-patch={patch.name}>
      <Td select={{ rowIndex: index, isSelected, onSelect: (_event, on) => onSelect(on) }} />
      <Td dataLabel={_("Patch")}>
        <div>
          <Button variant="link" isInline className="syscare-break" onClick={() => cockpit.location.go(["patch", patch.uuid])}>{title}</Button>
          {patch.description && <div className="syscare-muted"><bdi>{patch.description.split("\n")[0]}</bdi></div>}
        </div>
      </Td>
      <Td dataLabel={_("Target")}><bdi>{targetOf(patch)}</bdi></Td>
      <Td dataLabel={_("Severity")}><div><WordLabel word={severityWord(patch.severity)} /></div></Td>
      <Td dataLabel={_("Fixes")}><div>{patch.issues.length > 0 ? <Issues issues={patch.issues} most={MOST_ISSUES} /> : "–"}</div></Td>
      <Td dataLabel={_("State")}>
        <div>
          <WordLabel word={stateWord(patch.state)} />
          {patch.problems.length > 0 && (
            <Tooltip content={patch.problems.map(problem => problemWords(problem, patch.kind).sentence).join(" ")}>
              <Label isCompact color="orange" icon={<ExclamationTriangleIcon />} tabIndex={0}>{_("Problems")}</Label>
            </Tooltip>
          )}
        </div>
      </Td>
      <Td dataLabel={_("Processes")} modifier="nowrap"><bdi>{patch.kind === "kernel" ? _("Kernel") : _("%u of %u", patch.processesPatched, patch.processesTotal)}</bdi></Td>
    </Tr>
  );
}

interface ToolbarProps extends Pick<Props, "view" | "setView" | "onInstall"> {
  shown: number;
  /** 0 while it isn't known. */
  all: number;
}

function TableToolbar({ view, setView, onInstall, shown, all }: ToolbarProps) {
  const { operations } = usePage();
  const wishes = useWishes();
  // The field has its own text, so that typing never waits for the address.
  const [search, setSearch] = useState(view.search);
  useEffect(() => setSearch(view.search), [view.search]);
  const type = (text: string): void => {
    setSearch(text);
    setView({ ...view, search: text, page: 1 }, true);
  };
  const rescan = async (): Promise<void> => {
    const failure = await operations.rescan();
    if (failure)
      wishes.tellFailure(failure);
    else
      wishes.tell(_("The patches were read anew"));
  };
  return (
    <Toolbar>
      <ToolbarContent>
        <ToolbarItem className="syscare-search">
          <SearchInput
            value={search} onChange={(_event, text) => type(text)} onClear={() => type("")} placeholder={_("Name, target or CVE")}
            aria-label={_("Search for patches")} resetButtonLabel={_("Clear search and filters")}
          />
        </ToolbarItem>
        <ToolbarItem>
          <FormSelect value={view.kind} onChange={(_event, kind) => setView({ ...view, kind, page: 1 })} aria-label={_("Kind")}>
            <FormSelectOption value="" label={withoutMnemonic(_("_All kinds"))} />
            <FormSelectOption value="user" label={withoutMnemonic(_("_Programs and libraries"))} />
            <FormSelectOption value="kernel" label={withoutMnemonic(_("_Kernel"))} />
          </FormSelect>
        </ToolbarItem>
        <ToolbarItem alignSelf="center" className="syscare-muted">
          <bdi aria-live="polite">{all > 0 && _("%u of %u", shown, all)}</bdi>
        </ToolbarItem>
        <ToolbarGroup align={{ default: "alignEnd" }}>
          <ToolbarItem><Button variant="secondary" onClick={rescan}>{withoutMnemonic(_("_Read patches anew"))}</Button></ToolbarItem>
          <ToolbarItem><Button variant="secondary" onClick={onInstall}>{withoutMnemonic(_("_Install patch…"))}</Button></ToolbarItem>
        </ToolbarGroup>
      </ToolbarContent>
    </Toolbar>
  );
}

/** Nothing there and nothing found are two different things. */
function Nothing({ view, setView, onInstall }: Pick<Props, "view" | "setView" | "onInstall">) {
  return narrows(view)
    ? (
      <EmptyState titleText={_("Nothing matches")} headingLevel="h3" icon={SearchIcon}>
        <EmptyStateBody>{_("There are patches, but none fits the search and the filters.")}</EmptyStateBody>
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button variant="link" onClick={() => setView(PLAIN_VIEW)}>{withoutMnemonic(_("_Clear search and filters"))}</Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      </EmptyState>
      )
    : (
      <EmptyState titleText={_("No patches installed")} headingLevel="h3" icon={PlusCircleIcon}>
        <EmptyStateBody>{_("Install a patch package of your distribution, or upload a patch file.")}</EmptyStateBody>
        <EmptyStateFooter>
          <EmptyStateActions><Button onClick={onInstall}>{withoutMnemonic(_("_Install patch…"))}</Button></EmptyStateActions>
        </EmptyStateFooter>
      </EmptyState>
      );
}
