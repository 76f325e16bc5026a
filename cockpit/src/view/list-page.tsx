// SPDX-License-Identifier: GPL-2.0-or-later
// All patches of the machine: how it stands, what is being done, the table.
import { Alert, AlertGroup, Card, CardBody, CardHeader, CardTitle, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm,
  Label, LabelGroup, PageSection, Stack, StackItem } from "@patternfly/react-core";
import { useState } from "react";
import cockpit from "../cockpit";
import { _ } from "../i18n";
import { count, optionsFromView, viewFromOptions, type View } from "../model/filter";
import { STATES, type Patch } from "../model/patch";
import { stateWord, troubleWords } from "../model/words";
import { useSnapshot, type Address } from "./context";
import { InstallDialog } from "./install-dialog";
import { JobsCard } from "./jobs-card";
import { PatchTable } from "./patch-table";

export function ListPage({ address, patches }: { address: Address; patches: ReadonlyMap<string, Patch> }) {
  const [installing, setInstalling] = useState(false);
  const view = viewFromOptions(address.options);
  // Typing replaces the entry of the browser's history, a filter makes a new one.
  const setView = (next: View, replace = false): void => {
    const options = optionsFromView(next);
    if (replace)
      cockpit.location.replace([], options);
    else
      cockpit.location.go([], options);
  };

  return (
    <PageSection hasBodyWrapper={false}>
      <Stack hasGutter>
        <StackItem><StatusCard view={view} setView={setView} patches={patches} /></StackItem>
        <JobsCard patches={patches} />
        <StackItem>
          <PatchTable patches={patches} view={view} setView={setView} onInstall={() => setInstalling(true)} />
        </StackItem>
      </Stack>
      {installing && <InstallDialog onClose={() => setInstalling(false)} />}
    </PageSection>
  );
}

interface StatusProps {
  view: View;
  setView: (view: View) => void;
  patches: ReadonlyMap<string, Patch>;
}

function StatusCard({ view, setView, patches }: StatusProps) {
  const { kernel, degraded, complete } = useSnapshot();
  const counts = count(patches.values());
  const filters = [
    { show: "", word: _("All"), number: counts.all },
    ...STATES.filter(state => state !== "unknown" || counts.unknown > 0)
      .map(state => ({ show: state as string, word: stateWord(state).word, number: counts[state] })),
    { show: "problems", word: _("With problems"), number: counts.problems },
  ];
  return (
    <Card component="section" aria-label={_("Status")}>
      <CardHeader><CardTitle component="h2">{_("Status")}</CardTitle></CardHeader>
      <CardBody>
        <Stack hasGutter>
          {degraded.length > 0 && (
            <StackItem>
              <AlertGroup>
                {degraded.map(trouble => <Alert key={trouble} isInline variant="warning" title={troubleWords(trouble)} component="h3" />)}
              </AlertGroup>
            </StackItem>
          )}
          <StackItem>
            <LabelGroup aria-label={_("Filter by state")} numLabels={filters.length}>
              {filters.map(({ show, word, number }) => (
                <Label
                  key={show} color={show === "problems" && number > 0 ? "orange" : view.show === show ? "blue" : "grey"}
                  variant={view.show === show ? "filled" : "outline"} aria-current={view.show === show || undefined}
                  onClick={() => setView({ ...view, show, page: 1 })}
                >
                  {complete ? _("%s: %u", word, number) : word}
                </Label>
              ))}
            </LabelGroup>
          </StackItem>
          <StackItem>
            <DescriptionList isHorizontal isCompact>
              <DescriptionListGroup>
                <DescriptionListTerm>{_("Running kernel")}</DescriptionListTerm>
                <DescriptionListDescription className="syscare-break"><bdi>{kernel}</bdi></DescriptionListDescription>
              </DescriptionListGroup>
            </DescriptionList>
          </StackItem>
        </Stack>
      </CardBody>
    </Card>
  );
}
