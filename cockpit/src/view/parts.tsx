// SPDX-License-Identifier: GPL-2.0-or-later
// Small pieces that several views are made of.
import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, Label, Pagination, Spinner } from "@patternfly/react-core";
import {
  BanIcon, CheckCircleIcon, ExclamationCircleIcon, ExclamationTriangleIcon, ExternalLinkAltIcon, InfoCircleIcon, MinusCircleIcon,
} from "@patternfly/react-icons";
import { Fragment } from "react";
import type { ReactNode } from "react";
import { _, withoutMnemonic } from "../i18n";
import { failureFromProblem } from "../model/errors";
import { PAGE_SIZE } from "../model/filter";
import type { Tone, Word } from "../model/words";

const LONG_ISSUE = 24; // characters: longer ones may have to wrap

const LOOKS: Record<Tone, { status?: "success" | "info" | "warning" | "danger"; icon: ReactNode }> = {
  success: { status: "success", icon: <CheckCircleIcon /> },
  info: { status: "info", icon: <InfoCircleIcon /> },
  warning: { status: "warning", icon: <ExclamationTriangleIcon /> },
  danger: { status: "danger", icon: <ExclamationCircleIcon /> },
  neutral: { icon: <MinusCircleIcon /> },
};

/** A word with its colour and sign; the word alone says everything. */
export function WordLabel({ word }: { word: Word }) {
  const look = LOOKS[word.tone];
  return <Label variant="outline" isCompact status={look.status} icon={look.icon}>{word.word}</Label>;
}

/** CVE ids as links to their public records. */
export function Issues({ issues, most = issues.length }: { issues: string[]; most?: number }) {
  const more = issues.length - most;
  return (
    <>
      {issues.slice(0, most).map((issue, index) => (
        <Fragment key={issue}>
          {index > 0 && " "}
          <span className={issue.length < LONG_ISSUE ? "syscare-together" : "syscare-break"}>
            {issue.startsWith("CVE-") ? <IssueLink issue={issue} /> : issue}{index + 1 < Math.min(most, issues.length) && ","}
          </span>
        </Fragment>
      ))}
      {more > 0 && " +" + more}
    </>
  );
}

function IssueLink({ issue }: { issue: string }) {
  const label = _("Open the record of %s in the browser", issue);
  const address = "https://www.cve.org/CVERecord?id=" + encodeURIComponent(issue);
  return (
    <a href={address} target="_blank" rel="noopener noreferrer" aria-label={label}>{issue} <ExternalLinkAltIcon aria-hidden="true" /></a>
  );
}

/** The pages of a long table; nothing when all of it is on one. */
export function Pager({ count, page, setPage }: { count: number; page: number; setPage: (page: number) => void }) {
  if (count <= PAGE_SIZE)
    return null;
  return (
    <Pagination
      itemCount={count} perPage={PAGE_SIZE} page={page} variant="bottom" perPageOptions={[]} isCompact onSetPage={(_event, next) => setPage(next)}
      titles={{
        paginationAriaLabel: _("Pages"), toPreviousPageAriaLabel: _("Previous page"), toNextPageAriaLabel: _("Next page"),
        ofWord: "/", items: "", page: "", pages: "",
      }}
    />
  );
}

export function Loading({ text }: { text: string }) {
  return <EmptyState titleText={text} headingLevel="h2" icon={Spinner} variant="sm" />;
}

/** Something could not be read: why, and once more. */
export function NotReadable({ title, problem, again }: { title: string; problem: unknown; again: () => void }) {
  const failure = failureFromProblem(problem);
  return (
    <EmptyState titleText={title} headingLevel="h3" icon={BanIcon} variant="sm">
      <EmptyStateBody>{failure.sentence} {failure.advice}<br />{failure.detail}</EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions><Button variant="link" onClick={again}>{withoutMnemonic(_("_Try Again"))}</Button></EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}
