// SPDX-License-Identifier: GPL-2.0-or-later
// One patch: how it stands, what can be done, what it fixes and where, its processes and its history.
import {
  Alert, Breadcrumb, BreadcrumbItem, Button, Card, CardBody, CardHeader, CardTitle, Content, DescriptionList, DescriptionListDescription, DescriptionListGroup,
  DescriptionListTerm, EmptyState, EmptyStateBody, Flex, FlexItem, Modal, ModalBody, ModalFooter, ModalHeader, PageSection, Stack, StackItem, Tab, Tabs,
  TabTitleText, Tooltip,
} from "@patternfly/react-core";
import { CubesIcon } from "@patternfly/react-icons";
import { useState, type ReactNode } from "react";
import cockpit from "../cockpit";
import { _, withoutMnemonic } from "../i18n";
import { targetOf, titleOf, type Patch, type PatchDetails } from "../model/patch";
import { reasonAgainstUninstall } from "../model/verbs";
import { kindWord, problemWords, severityWord, stateWord, summaryOf, timeWords } from "../model/words";
import { ActionButtons } from "./actions";
import { useAddress, useLoaded, usePage, useSnapshot } from "./context";
import { useWishes } from "./feedback";
import { History } from "./history";
import { JobRow } from "./jobs-card";
import { Issues, Loading, NotReadable, WordLabel } from "./parts";
import { Processes } from "./processes";

const TABS = ["overview", "processes", "history"];

export function PatchPage({ uuid }: { uuid: string }) {
  const { patches, complete, jobs } = useSnapshot();
  const address = useAddress();
  const patch = [...patches?.values() ?? []].find(candidate => candidate.uuid === uuid);
  const wanted = String(address.options.tab ?? "");
  const tab = TABS.includes(wanted) ? wanted : TABS[0];
  const job = patch?.job ? jobs.get(patch.job) : undefined;

  return (
    <PageSection hasBodyWrapper={false}>
      <Stack hasGutter>
        <StackItem>
          <Breadcrumb ouiaId="breadcrumb">
            <BreadcrumbItem>
              <Button variant="link" isInline onClick={() => cockpit.location.go([])}>{_("Hot Patches")}</Button>
            </BreadcrumbItem>
            <BreadcrumbItem isActive className="syscare-break">{patch ? titleOf(patch) : uuid}</BreadcrumbItem>
          </Breadcrumb>
        </StackItem>
        {!patch && !complete && <StackItem><Loading text={_("Asking the patch service")} /></StackItem>}
        {!patch
          ? complete && (
            <StackItem>
              <EmptyState titleText={_("The patch isn’t here any more")} headingLevel="h2" icon={CubesIcon}>
                <EmptyStateBody className="syscare-break">{uuid}</EmptyStateBody>
              </EmptyState>
            </StackItem>
            )
          : (
            <>
              <StackItem><StateCard patch={patch} /></StackItem>
              {job && <StackItem><Card><CardBody><JobRow job={job} patches={patches ?? new Map()} /></CardBody></Card></StackItem>}
              <StackItem>
                <Card>
                  <CardBody>
                    <Tabs
                      activeKey={tab} aria-label={titleOf(patch)} mountOnEnter unmountOnExit
                      onSelect={(_event, key) => cockpit.location.replace(["patch", uuid], key === TABS[0] ? {} : { tab: String(key) })}
                    >
                      <Tab eventKey="overview" title={<TabTitleText>{_("Overview")}</TabTitleText>}><Overview patch={patch} /></Tab>
                      <Tab eventKey="processes" title={<TabTitleText>{_("Processes")}</TabTitleText>}><Processes patch={patch} /></Tab>
                      <Tab eventKey="history" title={<TabTitleText>{_("History")}</TabTitleText>}><History patch={patch} /></Tab>
                    </Tabs>
                  </CardBody>
                </Card>
              </StackItem>
            </>
            )}
      </Stack>
    </PageSection>
  );
}

function StateCard({ patch }: { patch: Patch }) {
  const changed = timeWords(patch.lastChange);
  return (
    <Card component="section" aria-label={titleOf(patch)} data-state={patch.state}>
      <CardHeader>
        <CardTitle component="h2">
          <Flex><FlexItem className="syscare-break">{titleOf(patch)}</FlexItem><FlexItem><WordLabel word={stateWord(patch.state)} /></FlexItem></Flex>
        </CardTitle>
      </CardHeader>
      <CardBody>
        <Stack hasGutter>
          <StackItem>
            <Content>
              <p className="syscare-muted syscare-break"><bdi>{targetOf(patch)}</bdi></p>
              <p>{summaryOf(patch)}</p>
              {changed && <small>{_("Last changed %s", changed)}</small>}
            </Content>
          </StackItem>
          {patch.problems.map(problem => {
            const words = problemWords(problem, patch.kind);
            return <StackItem key={problem}><Alert isInline variant="warning" component="h3" title={words.sentence}>{words.advice}</Alert></StackItem>;
          })}
          <StackItem>
            <Flex gap={{ default: "gapSm" }}>
              <FlexItem><ActionButtons patches={[patch]} /></FlexItem>
              <FlexItem align={{ default: "alignRight" }}><UninstallButton patch={patch} /></FlexItem>
            </Flex>
          </StackItem>
        </Stack>
      </CardBody>
    </Card>
  );
}

function UninstallButton({ patch }: { patch: Patch }) {
  const wishes = useWishes();
  const [asked, setAsked] = useState(false);
  const off = reasonAgainstUninstall(patch);
  const title = _("Uninstall %s?", titleOf(patch));
  return (
    <>
      <Tooltip content={off || _("Its files are deleted from this machine. The programs aren’t touched.")}>
        <Button variant="secondary" isDanger isAriaDisabled={off !== ""} onClick={() => setAsked(true)}>{withoutMnemonic(_("_Uninstall…"))}</Button>
      </Tooltip>
      {asked && (
        <Modal isOpen variant="small" onClose={() => setAsked(false)} aria-labelledby="uninstall-title">
          <ModalHeader title={title} titleIconVariant="warning" labelId="uninstall-title" />
          <ModalBody>{_("Its files are deleted from this machine. The programs aren’t touched.")}</ModalBody>
          <ModalFooter>
            <Button variant="danger" onClick={() => { setAsked(false); wishes.uninstall([patch]); }}>{withoutMnemonic(_("_Uninstall"))}</Button>
            <Button variant="link" onClick={() => setAsked(false)}>{withoutMnemonic(_("_Cancel"))}</Button>
          </ModalFooter>
        </Modal>
      )}
    </>
  );
}

function Overview({ patch }: { patch: Patch }) {
  const { operations } = usePage();
  const { value, problem, again } = useLoaded(() => operations.details(patch), patch.path);
  if (problem && !value)
    return <NotReadable title={_("The details can’t be shown")} problem={problem} again={again} />;
  if (!value)
    return <Loading text={_("Asking the patch service")} />;
  return <Facts patch={patch} details={value} />;
}

function Facts({ patch, details }: { patch: Patch; details: PatchDetails }) {
  const { kernel } = useSnapshot();
  const version = [details.version, details.release].filter(part => part !== "").join("-");
  const groups: [string, [string, ReactNode, boolean?][]][] = [
    [_("What it fixes"), [
      [_("Description"), <bdi className="syscare-lines">{patch.description}</bdi>, patch.description === ""],
      [_("Fixes"), <Issues issues={patch.issues} />, patch.issues.length === 0],
      [_("Severity"), <WordLabel word={severityWord(patch.severity)} />],
    ]],
    [_("Target"), [
      [_("Package"), <bdi>{targetOf(patch)}</bdi>],
      [_("Object"), patch.targetObject],
      [_("Files"), <Lines lines={details.targetFiles} />, details.targetFiles.length === 0],
      [_("Build-ID"), <bdi className="syscare-mono">{details.targetBuildId}</bdi>, details.targetBuildId === ""],
      [_("Running kernel"), <bdi>{kernel}</bdi>, patch.kind !== "kernel"],
    ]],
    [_("Patch"), [
      [_("Functions replaced or added"), <Lines lines={details.functions} />, details.functions.length === 0],
      [_("Kind"), kindWord(patch.kind)],
      [_("Source patches"), <Lines lines={details.sourcePatches.flat()} />, details.sourcePatches.length === 0],
      [_("Version of the patch"), version],
      [_("Architecture"), details.architecture],
      [_("Signed by"), details.signer || _("Nobody whom this machine trusts")],
      [_("License"), details.license, details.license === ""],
      [_("Digest (SHA-256)"), <bdi className="syscare-mono">{details.digest}</bdi>],
      [_("Full name"), <bdi className="syscare-break">{patch.name}</bdi>],
      [_("UUID"), <bdi className="syscare-mono">{patch.uuid}</bdi>],
      [_("Bundle"), <bdi className="syscare-mono">{details.bundle}</bdi>],
    ]],
  ];
  return (
    <Stack hasGutter>
      {groups.map(([title, rows]) => (
        <StackItem key={title}>
          <Content component="h3">{title}</Content>
          <DescriptionList isHorizontal isCompact horizontalTermWidthModifier={{ default: "14ch", lg: "24ch" }}>
            {rows.filter(([, , hidden]) => !hidden).map(([term, value]) => (
              <DescriptionListGroup key={term}>
                <DescriptionListTerm>{term}</DescriptionListTerm>
                <DescriptionListDescription className="syscare-break">{value}</DescriptionListDescription>
              </DescriptionListGroup>
            ))}
          </DescriptionList>
        </StackItem>
      ))}
    </Stack>
  );
}

function Lines({ lines }: { lines: string[] }) {
  return <>{lines.map(line => <div key={line}><bdi className="syscare-mono">{line}</bdi></div>)}</>;
}
