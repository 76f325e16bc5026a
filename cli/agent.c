/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The polkit text agent, from libpolkit-agent-1 loaded at run time. */
#include "config.h"
#include "agent.h"

#include <dlfcn.h>
#include <termios.h>
#include <unistd.h>

#define POLKIT_AGENT_I_KNOW_API_IS_SUBJECT_TO_CHANGE
#include <polkitagent/polkitagent.h>

#define LIBRARY "libpolkit-agent-1.so.0"

static struct termios terminal_modes;
static gboolean terminal_saved;

typedef struct {
  __typeof__ (&polkit_agent_text_listener_new) listener_new;
  __typeof__ (&polkit_agent_listener_register_with_options) listener_register;
  __typeof__ (&polkit_unix_process_new_for_owner) process_new;
} PolkitCalls;

static gboolean
load_polkit (PolkitCalls *calls)
{
  void *library = dlopen (LIBRARY, RTLD_LAZY | RTLD_NODELETE); /* GObject types stay for good */

  if (library == NULL)
    return FALSE;
  calls->listener_new = (__typeof__ (calls->listener_new))dlsym (library, "polkit_agent_text_listener_new");
  calls->listener_register
      = (__typeof__ (calls->listener_register))dlsym (library, "polkit_agent_listener_register_with_options");
  calls->process_new = (__typeof__ (calls->process_new))dlsym (library, "polkit_unix_process_new_for_owner");
  return calls->listener_new != NULL && calls->listener_register != NULL && calls->process_new != NULL;
}

/* In a login session a desktop's own agent comes first. Not elsewhere: seen in polkit 122, a fallback agent
 * is never asked for a process without a session. */
static GVariant *
registration_options (void)
{
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  if (g_getenv ("XDG_SESSION_ID") != NULL)
    g_variant_dict_insert (&options, "fallback", "b", TRUE);
  return g_variant_dict_end (&options);
}

static gboolean
register_agent (const PolkitCalls *calls)
{
  g_autoptr (GObject) listener = (GObject *)calls->listener_new (NULL, NULL);
  if (listener == NULL)
    return FALSE;

  /* The start time 0 makes polkit read it itself. */
  g_autoptr (GObject) subject = (GObject *)calls->process_new (getpid (), 0, getuid ());
  gpointer handle
      = calls->listener_register ((PolkitAgentListener *)listener, POLKIT_AGENT_REGISTER_FLAGS_RUN_IN_THREAD,
                                  (PolkitSubject *)subject, NULL, registration_options (), NULL, NULL);
  return handle != NULL; /* kept until the process ends */
}

gboolean
cli_agent_start (CliContext *context)
{
  PolkitCalls calls;

  if (cli_flag (context, CLI_OPTION_NO_ASK_PASSWORD) || getuid () == 0)
    return FALSE;
  /* The caller that polkit asks about is a process over there. */
  if (cli_value (context, CLI_OPTION_HOST) != NULL)
    return FALSE;
  if (!isatty (STDIN_FILENO) || !isatty (STDERR_FILENO))
    return FALSE;
  terminal_saved = tcgetattr (STDIN_FILENO, &terminal_modes) == 0;
  return load_polkit (&calls) && register_agent (&calls);
}

void
cli_agent_restore_terminal (void)
{
  if (terminal_saved)
    tcsetattr (STDIN_FILENO, TCSADRAIN, &terminal_modes);
}
