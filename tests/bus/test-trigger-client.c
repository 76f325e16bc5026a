/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The service's end of the trigger, against a program that takes its messages slowly. */
#include "patch-info.h"
#include "trigger-client.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PATCHES 5000

/* Reads a little at a time, answers as syscare-trigger does, and writes down how many patches it was told of.
 */
static const char slow_program[]
    = "#!/usr/bin/python3\n"
      "import json, os, struct, sys, time\n"
      "def read(n):\n"
      "    data = b''\n"
      "    while len(data) < n:\n"
      "        part = os.read(3, min(n - len(data), 65536))\n"
      "        if not part:\n"
      "            sys.exit(0)\n"
      "        data += part\n"
      "        time.sleep(0.001)\n"
      "    return data\n"
      "while True:\n"
      "    message = json.loads(read(struct.unpack('>I', read(4))[0]))\n"
      "    if message['type'] == 'bind':\n"
      "        with open(sys.argv[0] + '.told', 'a') as told:\n"
      "            told.write('%d\\n' % len(message['patches']))\n"
      "        answer = {'type': 'bound', 'serial': message['serial'], 'problems': [], 'lacks': []}\n"
      "    else:\n"
      "        answer = {'type': 'pong', 'old-calls': 0}\n"
      "    text = json.dumps(answer).encode()\n"
      "    os.write(3, struct.pack('>I', len(text)) + text)\n";

static void
on_changed (gpointer user_data)
{
}

static void
on_failed (const ScTriggerFailure *failure, gpointer user_data)
{
}

static void
on_bound (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(GAsyncResult **)user_data = g_object_ref (result);
}

static void
test_more_than_the_socket_takes (void)
{
  static const ScTriggerListener listener = { on_changed, on_failed };
  g_autofree char *folder = g_dir_make_tmp ("trigger-client-XXXXXX", NULL);
  g_autofree char *program = g_build_filename (folder, "slow", NULL);
  g_autofree char *told = g_strconcat (program, ".told", NULL);
  g_autoptr (GPtrArray) infos = g_ptr_array_new_with_free_func ((GDestroyNotify)sc_patch_info_unref);
  g_autoptr (GAsyncResult) result = NULL;
  g_autofree char *text = NULL;
  g_autofree char *wanted = g_strdup_printf ("%d\n", PATCHES);

  g_assert_true (g_file_set_contents_full (program, slow_program, -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
  for (guint i = 0; i < PATCHES; i++)
    {
      g_autofree char *uuid = g_uuid_string_random ();
      g_ptr_array_add (infos, sc_patch_info_new_orphan (uuid, "d1", "b1"));
    }
  ScTrigger *trigger = sc_trigger_new (program, /* lock= */ "", &listener, NULL);
  sc_trigger_bind_async (trigger, infos, on_bound, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  sc_trigger_bind_finish (trigger, result);
  g_assert_cmpstr (sc_trigger_problem (trigger), ==, NULL);
  g_assert_true (g_file_get_contents (told, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, wanted);

  sc_trigger_free (trigger);
  g_unlink (told);
  g_unlink (program);
  g_rmdir (folder);
}

/* Nothing is bound and no trigger runs; but a tracer of an earlier one does. */
static void
test_waits_for_an_earlier_one (void)
{
  static const ScTriggerListener listener = { on_changed, on_failed };
  g_autofree char *folder = g_dir_make_tmp ("trigger-client-XXXXXX", NULL);
  g_autofree char *lock = g_build_filename (folder, "lock", NULL);
  g_autoptr (GPtrArray) infos = g_ptr_array_new ();
  g_autoptr (GAsyncResult) result = NULL, second = NULL;
  int tracer = open (lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  g_assert_cmpint (flock (tracer, LOCK_EX), ==, 0);
  ScTrigger *trigger = sc_trigger_new ("/nowhere", lock, &listener, NULL);
  sc_trigger_bind_async (trigger, infos, on_bound, &result);
  sc_trigger_bind_async (trigger, infos, on_bound, &second);
  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_null (result);
  g_assert_null (second);
  close (tracer);
  while (result == NULL || second == NULL)
    g_main_context_iteration (NULL, TRUE);
  sc_trigger_bind_finish (trigger, result);
  sc_trigger_bind_finish (trigger, second);
  g_assert_false (g_main_context_pending (NULL));

  sc_trigger_free (trigger);
  g_unlink (lock);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/trigger/a bind waits for the tracers of an earlier trigger",
                   test_waits_for_an_earlier_one);
  g_test_add_func ("/trigger/is told more than the socket takes at once", test_more_than_the_socket_takes);
  return g_test_run ();
}
