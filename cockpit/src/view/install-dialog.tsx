// SPDX-License-Identifier: GPL-2.0-or-later
// Installing a patch from a file of the browser's machine.
import {
  Alert, Button, Content, Flex, FlexItem, Form, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, Progress,
} from "@patternfly/react-core";
import { useEffect, useRef, useState } from "react";
import { MOST_MIB } from "../bus/upload";
import { _, withoutMnemonic } from "../i18n";
import { useWishes } from "./feedback";

const MIB = 1024 * 1024;

/** Why @file isn't sent at all; "" when it is. */
function refusal(file: File): string {
  if (file.size === 0)
    return _("The file is empty.");
  return file.size > MOST_MIB * MIB ? _("The file is too large: at most %u MiB can be uploaded.", MOST_MIB) : "";
}

export function InstallDialog({ onClose }: { onClose: () => void }) {
  const wishes = useWishes();
  const [file, setFile] = useState<File | null>(null);
  const [part, setPart] = useState<number | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const sending = useRef<AbortController | null>(null);
  useEffect(() => () => sending.current?.abort(), []);
  const refused = file ? refusal(file) : "";
  const busy = part !== null;
  const choose = (chosen: FileList | null | undefined): void => {
    if (chosen?.length && !busy)
      setFile(chosen[0]);
  };
  const install = async (): Promise<void> => {
    if (!file)
      return;
    const controller = new AbortController();
    sending.current = controller;
    setPart(0);
    await wishes.install(file, setPart, controller.signal);
    sending.current = null;
    onClose();
  };
  // What is being sent ends with what it was begun for: the dialog goes when it has.
  const close = (): void => sending.current ? sending.current.abort() : onClose();
  return (
    <Modal isOpen variant="small" onClose={close} aria-labelledby="install-title">
      <ModalHeader title={_("Install Patch")} labelId="install-title" />
      <ModalBody
        onDragOver={event => event.preventDefault()}
        onDrop={event => {
          event.preventDefault();
          choose(event.dataTransfer.files);
        }}
      >
        <Form onSubmit={event => event.preventDefault()}>
          <Content component="p">{_("The file is copied to this machine, checked by the service and installed; installing applies nothing.")}</Content>
          <FormGroup label={_("File")} fieldId="install-file" role="group">
            <input ref={input} type="file" hidden onChange={event => choose(event.target.files)} />
            <Flex>
              <FlexItem>
                <Button id="install-file" variant="secondary" isDisabled={busy} aria-describedby="install-file-name" onClick={() => input.current?.click()}>
                  {withoutMnemonic(_("_Open"))}
                </Button>
              </FlexItem>
              <FlexItem flex={{ default: "flex_1" }} className={file ? "syscare-break" : "syscare-muted"} id="install-file-name">
                <bdi>{file ? file.name : _("A bundle as a tar archive")}</bdi>
              </FlexItem>
            </Flex>
          </FormGroup>
          {refused && <Alert isInline isPlain component="h3" variant="danger" title={refused} />}
          {busy && <Progress value={Math.round(100 * part)} title={_("Copying the file")} aria-label={_("Copying the file")} />}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button onClick={install} isDisabled={!file || refused !== "" || busy} isLoading={busy}>{withoutMnemonic(_("_Install"))}</Button>
        <Button variant="link" onClick={close}>{withoutMnemonic(_("_Cancel"))}</Button>
      </ModalFooter>
    </Modal>
  );
}
