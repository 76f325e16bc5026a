// SPDX-License-Identifier: GPL-2.0-or-later
// Installing a patch from a file of the browser's machine.
import { Button, Content, FileUpload, Form, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useState } from "react";
import { _, withoutMnemonic } from "../i18n";
import { useWishes } from "./feedback";

export function InstallDialog({ onClose }: { onClose: () => void }) {
  const wishes = useWishes();
  const [file, setFile] = useState<File | null>(null);
  const [busy, setBusy] = useState(false);
  const install = async (): Promise<void> => {
    if (!file)
      return;
    setBusy(true);
    await wishes.install(file);
    onClose();
  };
  return (
    <Modal isOpen variant="small" onClose={onClose} aria-labelledby="install-title">
      <ModalHeader title={_("Install Patch")} labelId="install-title" />
      <ModalBody>
        <Form>
          <Content component="p">{_("The file is copied to this machine, checked by the service and installed; installing applies nothing.")}</Content>
          <FormGroup label={_("File")} fieldId="install-file-filename">
            <FileUpload
              id="install-file" filename={file?.name ?? ""} filenamePlaceholder={_("A bundle as a tar archive")} hideDefaultPreview
              browseButtonText={withoutMnemonic(_("_Open"))} clearButtonText={_("Clear")} isDisabled={busy}
              onFileInputChange={(_event, chosen) => setFile(chosen)} onClearClick={() => setFile(null)}
            />
          </FormGroup>
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button onClick={install} isDisabled={!file || busy} isLoading={busy}>{withoutMnemonic(_("_Install"))}</Button>
        <Button variant="link" onClick={onClose}>{withoutMnemonic(_("_Cancel"))}</Button>
      </ModalFooter>
    </Modal>
  );
}
