/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who did what, when and why: an append-only file of JSON lines, in two generations so that it stays bounded.
 * Must not know what a record means. A writer killed in the middle of a line costs that line only. */
#include "store/store-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/step.h"

#define RECORD_MAX (1024 * 1024) /* bytes of one line; per-process results of a longer one are left out */
#define TEXT_BYTES_MAX 65536
#define READ_MAX ((gsize)1 << 30)

void
lp_store_set_history_limit (LpStore *store, gsize bytes)
{
  store->history_limit = bytes;
}

LpHistoryRecord *
lp_history_record_new (void)
{
  LpHistoryRecord *record = g_new0 (LpHistoryRecord, 1);

  record->uid = G_MAXUINT;
  record->login_uid = G_MAXUINT;
  return record;
}

void
lp_history_record_free (LpHistoryRecord *record)
{
  if (record == NULL)
    return;
  g_free (record->session);
  g_free (record->verb);
  g_free (record->patch);
  g_free (record->name);
  g_free (record->reason);
  g_free (record->result);
  g_free (record->error);
  g_free (record->message);
  g_clear_pointer (&record->processes, json_node_unref);
  g_free (record);
}

/* Foreign words (a reason) may be of any length and quality. */
static void
add_text (JsonObject *json, const char *member, const char *value)
{
  g_autofree char *valid = g_utf8_make_valid (value != NULL ? value : "", -1);

  if (strlen (valid) > TEXT_BYTES_MAX / 2)
    *g_utf8_find_prev_char (valid, valid + TEXT_BYTES_MAX / 2) = '\0';
  lp_json_add_string (json, member, valid);
}

static char *
record_to_text (const LpHistoryRecord *record, gboolean with_processes)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  JsonObject *json = json_object_new ();

  json_node_take_object (root, json);
  json_object_set_int_member (json, "time", record->time);
  if (record->uid != G_MAXUINT)
    json_object_set_int_member (json, "uid", record->uid);
  if (record->login_uid != G_MAXUINT)
    json_object_set_int_member (json, "login-uid", record->login_uid);
  add_text (json, "session", record->session);
  add_text (json, "verb", record->verb);
  add_text (json, "patch", record->patch);
  add_text (json, "name", record->name);
  add_text (json, "reason", record->reason);
  add_text (json, "result", record->result);
  add_text (json, "error", record->error);
  add_text (json, "message", record->message);
  if (with_processes && record->processes != NULL)
    json_object_set_member (json, "processes", json_node_copy (record->processes));
  return lp_json_to_text (root, /* pretty= */ FALSE);
}

/* A full file becomes the older one. */
static gboolean
rotate (LpStore *store, GError **error)
{
  if (renameat (store->state_fd, LP_HISTORY_FILE, store->state_fd, LP_HISTORY_OLDER_FILE) == 0)
    return lp_io_sync_fd (store->state_fd, store->state_dir, error);
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s/%s: cannot rename", store->state_dir,
                      LP_HISTORY_FILE);
  return FALSE;
}

static int
open_history (LpStore *store, struct stat *st, GError **error)
{
  LP_AUTO_FD int fd = openat (store->state_fd, LP_HISTORY_FILE,
                              O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

  if (fd < 0 || fstat (fd, st) < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s/%s: cannot open", store->state_dir,
                          LP_HISTORY_FILE);
      return -1;
    }
  return lp_fd_steal (&fd);
}

/* Whether the last line has no end: its writer was killed. */
static gboolean
is_torn (int fd, const struct stat *st)
{
  char last;

  return st->st_size > 0 && pread (fd, &last, 1, st->st_size - 1) == 1 && last != '\n';
}

/* One write, then fsync; what a full disk took of the line is taken back. */
static gboolean
append (LpStore *store, int fd, const struct stat *st, const char *line, GError **error)
{
  g_autofree char *text = g_strconcat (is_torn (fd, st) ? "\n" : "", line, NULL);
  g_autoptr (GError) reason = NULL;

  if (lp_io_write_all (fd, LP_HISTORY_FILE, text, strlen (text), &reason)
      && lp_io_sync_fd (fd, LP_HISTORY_FILE, &reason))
    {
      lp_step ("history written");
      return st->st_size > 0 || lp_io_sync_fd (store->state_fd, store->state_dir, error);
    }
  lp_store_explain_write (store, "the history", reason, error);
  if (ftruncate (fd, st->st_size) < 0)
    return FALSE; /* the next writer ends the torn line */
  return FALSE;
}

gboolean
lp_store_append_history (LpStore *store, const LpHistoryRecord *record, GError **error)
{
  g_autofree char *line = record_to_text (record, TRUE);
  struct stat st;

  if (strlen (line) > RECORD_MAX)
    {
      g_free (line);
      line = record_to_text (record, FALSE);
    }
  LP_AUTO_FD int fd = open_history (store, &st, error);
  if (fd < 0)
    return FALSE;
  if (st.st_size > 0 && (guint64)st.st_size + strlen (line) > store->history_limit)
    {
      lp_fd_clear (&fd);
      if (!rotate (store, error))
        return FALSE;
      fd = open_history (store, &st, error);
      if (fd < 0)
        return FALSE;
    }
  return append (store, fd, &st, line, error);
}

static gboolean
read_uid (const LpJson *json, const char *member, guint *uid, GError **error)
{
  guint64 value = G_MAXUINT;

  if (!lp_json_uint (json, member, FALSE, &value, error))
    return FALSE;
  if (value > G_MAXUINT)
    return lp_json_refuse (json, member, "not a user id", error);
  *uid = value;
  return TRUE;
}

LpHistoryRecord *
lp_history_parse (const char *line, gsize length, GError **error)
{
  g_autoptr (JsonNode) root = lp_json_parse (line, length, LP_HISTORY_FILE, LP_ERROR_STATE_CORRUPT, error);
  g_autoptr (LpHistoryRecord) record = lp_history_record_new ();
  JsonArray *processes;

  if (root == NULL)
    return NULL;
  LpJson json = { json_node_get_object (root), "", LP_ERROR_STATE_CORRUPT };
  if (!lp_json_uint (&json, "time", TRUE, &record->time, error)
      || !read_uid (&json, "uid", &record->uid, error)
      || !read_uid (&json, "login-uid", &record->login_uid, error)
      || !lp_json_string (&json, "session", TRUE, TEXT_BYTES_MAX, &record->session, error)
      || !lp_json_string (&json, "verb", TRUE, TEXT_BYTES_MAX, &record->verb, error)
      || !lp_json_string (&json, "patch", TRUE, TEXT_BYTES_MAX, &record->patch, error)
      || !lp_json_string (&json, "name", TRUE, TEXT_BYTES_MAX, &record->name, error)
      || !lp_json_string (&json, "reason", TRUE, TEXT_BYTES_MAX, &record->reason, error)
      || !lp_json_string (&json, "result", TRUE, TEXT_BYTES_MAX, &record->result, error)
      || !lp_json_string (&json, "error", TRUE, TEXT_BYTES_MAX, &record->error, error)
      || !lp_json_string (&json, "message", TRUE, TEXT_BYTES_MAX, &record->message, error)
      || !lp_json_array (&json, "processes", FALSE, G_MAXUINT, &processes, error))
    return NULL;
  if (processes != NULL)
    record->processes = json_node_copy (json_object_get_member (json.object, "processes"));
  return g_steal_pointer (&record);
}

/* Appends the records of one file, newest first; damaged lines are passed over. */
static gboolean
read_generation (LpStore *store, const char *name, guint64 since, guint limit, GPtrArray *records,
                 GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GBytes) bytes = lp_io_read_at (store->state_fd, name, READ_MAX, &reason);

  if (bytes == NULL && g_error_matches (reason, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return TRUE;
  if (bytes == NULL)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "%s/%s", store->state_dir, reason->message);
      return FALSE;
    }

  gsize end;
  const char *data = g_bytes_get_data (bytes, &end);
  while (end > 0 && (limit == 0 || records->len < limit))
    {
      const char *newline = memrchr (data, '\n', end);
      gsize start = newline != NULL ? newline - data + 1 : 0;
      LpHistoryRecord *record = end > start ? lp_history_parse (data + start, end - start, NULL) : NULL;

      if (record != NULL && record->time >= since)
        g_ptr_array_add (records, record);
      else
        lp_history_record_free (record);
      end = newline != NULL ? start - 1 : 0;
    }
  return TRUE;
}

GPtrArray *
lp_store_history (LpStore *store, guint64 since, guint limit, GError **error)
{
  g_autoptr (GPtrArray) records = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_history_record_free);

  if (!read_generation (store, LP_HISTORY_FILE, since, limit, records, error)
      || !read_generation (store, LP_HISTORY_OLDER_FILE, since, limit, records, error))
    return NULL;
  return g_steal_pointer (&records);
}
