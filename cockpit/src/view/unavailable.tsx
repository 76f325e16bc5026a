// SPDX-License-Identifier: GPL-2.0-or-later
// The page while there is no service: why, and the one thing to do about it. It goes away by itself.
import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, PageSection } from "@patternfly/react-core";
import { ExclamationCircleIcon } from "@patternfly/react-icons";
import type { ServiceState } from "../bus/connection";
import { _, N_, withoutMnemonic } from "../i18n";
import { usePage, useSnapshot } from "./context";

const WORDS: Partial<Record<ServiceState, { title: string; text: string; action: string }>> = {
  "no-bus": {
    title: N_("No system bus"),
    text: N_("The system’s message bus can’t be reached, so the state of the patches isn’t known. Patches that are active stay active."),
    action: "",
  },
  "missing": {
    title: N_("The patch service isn’t installed"),
    text: N_("This page needs the SysCare service on this machine. Install the package that holds it (syscare)."),
    action: N_("_Try Again"),
  },
  "stopped": {
    title: N_("The patch service isn’t running"),
    text: N_("Patches that are active stay active, but their state can’t be shown or changed until the service runs."),
    action: N_("_Start the Service"),
  },
  "incompatible": {
    title: N_("The patch service is another version"),
    text: N_("It lacks something that this page needs. Upgrade the service or the page, so that both are of one version."),
    action: "",
  },
  "failed": {
    title: N_("The patch service doesn’t answer"),
    text: N_("It runs, but it didn’t answer as it should. Its log may say why."),
    action: N_("_Try Again"),
  },
};

export function Unavailable() {
  const { store } = usePage();
  const { service, problem } = useSnapshot();
  const words = WORDS[service];
  if (!words)
    return null;
  return (
    <PageSection hasBodyWrapper={false} isFilled>
      <EmptyState titleText={_(words.title)} headingLevel="h2" icon={ExclamationCircleIcon} status="warning">
        <EmptyStateBody>
          <p>{_(words.text)}</p>
          <p>{_("This page goes away by itself when the service is back.")}</p>
          {problem && <p className="syscare-mono">{problem}</p>}
        </EmptyStateBody>
        {words.action && (
          <EmptyStateFooter>
            <EmptyStateActions>
              <Button onClick={() => store.startOrRead()}>{withoutMnemonic(_(words.action))}</Button>
            </EmptyStateActions>
          </EmptyStateFooter>
        )}
      </EmptyState>
    </PageSection>
  );
}
