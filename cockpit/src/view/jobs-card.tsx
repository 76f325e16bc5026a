// SPDX-License-Identifier: GPL-2.0-or-later
// What the service is doing just now, whoever asked for it.
import { Button, Card, CardBody, CardHeader, CardTitle, Flex, FlexItem, Progress, Spinner, StackItem, Tooltip } from "@patternfly/react-core";
import { _, ngettext, withoutMnemonic } from "../i18n";
import { percentage, UNKNOWN_UID, type Job } from "../model/job";
import { titleOf, type Patch } from "../model/patch";
import { doingOf } from "../model/verbs";
import { phaseWords } from "../model/words";
import { usePage, useSnapshot } from "./context";
import { useWishes } from "./feedback";

export function JobsCard({ patches }: { patches: ReadonlyMap<string, Patch> }) {
  const { jobs } = useSnapshot();
  if (jobs.size === 0)
    return null;
  return (
    <StackItem>
      <Card component="section" aria-label={_("Running jobs")}>
        <CardHeader><CardTitle component="h2">{_("Running jobs")}</CardTitle></CardHeader>
        <CardBody>
          {[...jobs.values()].map(job => <JobRow key={job.path} job={job} patches={patches} />)}
        </CardBody>
      </Card>
    </StackItem>
  );
}

function objectWords(job: Job, patches: ReadonlyMap<string, Patch>): string {
  if (job.patches.length !== 1)
    return ngettext("%u patch", "%u patches", job.patches.length, job.patches.length);
  const patch = patches.get(job.patches[0]);
  return patch ? titleOf(patch) : _("a patch");
}

export function JobRow({ job, patches }: { job: Job; patches: ReadonlyMap<string, Patch> }) {
  const { operations } = usePage();
  const wishes = useWishes();
  const title = job.verb ? doingOf(job.verb, objectWords(job, patches)) : _("Working");
  const phase = phaseWords(job.phase, job.state);
  const words = job.uid === UNKNOWN_UID ? phase : _("%s · started by user id %u", phase, job.uid);
  const done = percentage(job);
  const cancel = async (): Promise<void> => {
    const failure = await operations.cancel(job);
    if (failure)
      wishes.tellFailure(failure);
  };
  return (
    <Flex alignItems={{ default: "alignItemsCenter" }} data-job={job.number}>
      <FlexItem grow={{ default: "grow" }} className="syscare-break">
        {done === undefined
          ? <><Spinner size="md" aria-label={title} /> {title} <span className="syscare-muted">{words}</span></>
          : <Progress value={done} title={title} helperText={words} aria-label={title} />}
      </FlexItem>
      <FlexItem>
        <Tooltip content={job.cancelable ? _("Cancel and undo what was done") : _("It can’t be cancelled any more")}>
          <Button variant="secondary" isAriaDisabled={!job.cancelable} onClick={cancel}>{withoutMnemonic(_("Ca_ncel"))}</Button>
        </Tooltip>
      </FlexItem>
    </Flex>
  );
}
