// SPDX-License-Identifier: GPL-2.0-or-later
// How something ended that isn't told in one line: what went wrong, or what became of each of several patches.
import {
  Button, ClipboardCopy, ClipboardCopyVariant, Content, DataList, DataListCell, DataListItem, DataListItemCells, DataListItemRow, Modal, ModalBody, ModalFooter,
  ModalHeader, Stack, StackItem,
} from "@patternfly/react-core";
import type { Outcome } from "../bus/operations";
import { _, withoutMnemonic } from "../i18n";
import type { Failure } from "../model/errors";
import { titleOf } from "../model/patch";
import { resultWord } from "../model/words";
import { useSnapshot } from "./context";
import { WordLabel } from "./parts";

export function ResultDialog({ outcome, onClose }: { outcome: Outcome; onClose: () => void }) {
  const { failure, results } = outcome;
  const { patches } = useSnapshot();
  // As the list calls it; an uninstalled patch is only known by its full name.
  const nameOf = (path: string, name: string): string => {
    const patch = patches?.get(path);
    return patch ? titleOf(patch) : name;
  };
  const done = results.filter(result => ["succeeded", "unchanged"].includes(result.result)).length;
  return (
    <Modal isOpen variant="medium" onClose={onClose} aria-labelledby="result-title">
      <ModalHeader
        title={failure ? _("That didn’t work") : _("%u done, %u not done", done, results.length - done)}
        titleIconVariant={failure ? "danger" : undefined} labelId="result-title"
      />
      <ModalBody tabIndex={0} role="region" aria-label={_("Result")}>
        <Stack hasGutter>
          {failure && <StackItem><FailureWords failure={failure} /></StackItem>}
          {results.length > 0 && (
            <StackItem>
              <DataList aria-label={_("Results")} isCompact>
                {results.map(result => (
                  <DataListItem key={result.path}>
                    <DataListItemRow>
                      <DataListItemCells
                        dataListCells={[
                          <DataListCell key="name" wrapModifier="breakWord">{nameOf(result.path, result.name)}</DataListCell>,
                          <DataListCell key="result" isFilled={false}><WordLabel word={resultWord(result.result)} /></DataListCell>,
                        ]}
                      />
                    </DataListItemRow>
                  </DataListItem>
                ))}
              </DataList>
            </StackItem>
          )}
        </Stack>
      </ModalBody>
      <ModalFooter>
        <Button variant="primary" onClick={onClose}>{withoutMnemonic(_("_Close"))}</Button>
      </ModalFooter>
    </Modal>
  );
}

/** One plain sentence, what to do, and the service's own words to copy. */
export function FailureWords({ failure }: { failure: Failure }) {
  return (
    <Content>
      <p>{failure.sentence} {failure.advice}</p>
      {failure.detail && (
        <ClipboardCopy
          isCode isReadOnly isExpanded variant={ClipboardCopyVariant.expansion} hoverTip={_("Copy details")} clickTip={_("Details copied")}
          textAriaLabel={_("Details")} toggleAriaLabel={_("Details")}
        >
          {failure.detail}
        </ClipboardCopy>
      )}
    </Content>
  );
}
