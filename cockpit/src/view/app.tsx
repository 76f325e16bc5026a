// SPDX-License-Identifier: GPL-2.0-or-later
// The page as a whole: whether the service is there, and which of its views the address names.
import { Page, PageSection } from "@patternfly/react-core";
import { useEffect } from "react";
import { _ } from "../i18n";
import { tellShell } from "../page-status";
import { useAddress, useSnapshot } from "./context";
import { Feedback } from "./feedback";
import { ListPage } from "./list-page";
import { Loading } from "./parts";
import { PatchPage } from "./patch-page";
import { Unavailable } from "./unavailable";

export function App() {
  const snapshot = useSnapshot();
  const address = useAddress();

  useEffect(() => tellShell(snapshot), [snapshot]);

  // Another view begins at its top, not where the one before was left.
  const view = address.path.join("/");
  useEffect(() => {
    for (let element: HTMLElement | null = document.querySelector("main"); element; element = element.parentElement)
      element.scrollTop = 0;
  }, [view]);

  return (
    <Page className="pf-m-no-sidebar" mainAriaLabel={_("Hot Patches")} isContentFilled>
      <h1 className="syscare-visually-hidden">{_("Hot Patches")}</h1>
      <Feedback>
        <Content address={address} />
      </Feedback>
    </Page>
  );
}

function Content({ address }: { address: ReturnType<typeof useAddress> }) {
  const { service, patches } = useSnapshot();
  if (!["ready", "connecting"].includes(service))
    return <Unavailable />;
  if (!patches)
    return <PageSection hasBodyWrapper={false}><Loading text={_("Asking the patch service")} /></PageSection>;
  if (address.path[0] === "patch" && address.path[1])
    return <PatchPage key={address.path[1]} uuid={address.path[1]} />;
  return <ListPage address={address} patches={patches} />;
}
