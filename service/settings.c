/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the settings file by one table of keys; writes nothing. Must not know what the settings do. */
#include "settings.h"

typedef struct {
  const char *group;
  const char *key;
  gboolean is_boolean;
  gsize offset;
  guint fallback;
  guint minimum, maximum;
} ScSettingRow;

#define NUMBER(group, key, member, fallback, minimum, maximum)                                               \
  {                                                                                                          \
    group, key, FALSE, G_STRUCT_OFFSET (ScSettings, member), fallback, minimum, maximum                      \
  }
#define BOOLEAN(group, key, member, fallback)                                                                \
  {                                                                                                          \
    group, key, TRUE, G_STRUCT_OFFSET (ScSettings, member), fallback, 0, 1                                   \
  }

static const ScSettingRow setting_table[] = {
  BOOLEAN ("service", "require-signature", require_signature, FALSE),
  BOOLEAN ("service", "restore-at-start", restore_at_start, TRUE),
  BOOLEAN ("service", "gate", gate, TRUE),
  NUMBER ("service", "busy-timeout", busy_timeout, 30, 1, 3600),
  NUMBER ("service", "queue-limit", queue_limit, 256, 1, 10000),
  NUMBER ("service", "queue-limit-per-user", queue_limit_per_user, 32, 1, 10000),
  NUMBER ("service", "keep-jobs", keep_jobs, 120, 1, 86400),
  NUMBER ("install", "size-limit", install_size_limit, 256, 1, 4096),
  NUMBER ("install", "file-limit", install_file_limit, 256, 2, 10000),
};

static const ScSettingRow *
find_row (const char *group, const char *key)
{
  for (guint i = 0; i < G_N_ELEMENTS (setting_table); i++)
    if (g_str_equal (setting_table[i].group, group) && g_str_equal (setting_table[i].key, key))
      return &setting_table[i];
  return NULL;
}

static gboolean
read_value (GKeyFile *file, const ScSettingRow *row, guint *value, GError **error)
{
  if (row->is_boolean)
    {
      gboolean flag = g_key_file_get_boolean (file, row->group, row->key, error);

      *value = flag ? 1 : 0;
      return *error == NULL;
    }

  g_autofree char *text = g_key_file_get_string (file, row->group, row->key, error);
  guint64 number = 0;

  if (text == NULL
      || !g_ascii_string_to_unsigned (g_strstrip (text), 10, row->minimum, row->maximum, &number, error))
    return FALSE;
  *value = (guint)number;
  return TRUE;
}

static void
read_group (GKeyFile *file, const char *group, ScSettings *settings, GPtrArray *problems)
{
  g_auto (GStrv) keys = g_key_file_get_keys (file, group, NULL, NULL);

  for (guint i = 0; keys != NULL && keys[i] != NULL; i++)
    {
      const ScSettingRow *row = find_row (group, keys[i]);
      g_autoptr (GError) error = NULL;
      guint value = 0;

      if (row == NULL)
        g_ptr_array_add (problems, g_strdup_printf ("[%s] %s: there is no such setting", group, keys[i]));
      else if (read_value (file, row, &value, &error))
        *(guint *)G_STRUCT_MEMBER_P (settings, row->offset) = value;
      else
        g_ptr_array_add (problems, g_strdup_printf ("[%s] %s: %s; the default is used", group, keys[i],
                                                    error->message));
    }
}

ScSettings *
sc_settings_load (const char *path)
{
  ScSettings *settings = g_new0 (ScSettings, 1);
  g_autoptr (GPtrArray) problems = g_ptr_array_new ();
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (setting_table); i++)
    *(guint *)G_STRUCT_MEMBER_P (settings, setting_table[i].offset) = setting_table[i].fallback;

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &error))
    {
      if (!g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        g_ptr_array_add (problems, g_strdup_printf ("%s; the defaults are used", error->message));
    }
  else
    {
      g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);

      for (guint i = 0; groups[i] != NULL; i++)
        read_group (file, groups[i], settings, problems);
    }

  for (guint i = 0; i < problems->len; i++)
    {
      char *text = g_ptr_array_index (problems, i);

      problems->pdata[i] = g_strdup_printf ("%s: %s", path, text);
      g_free (text);
    }
  g_ptr_array_add (problems, NULL);
  settings->problems = (GStrv)g_ptr_array_free (g_steal_pointer (&problems), FALSE);
  return settings;
}

void
sc_settings_free (ScSettings *settings)
{
  if (settings == NULL)
    return;
  g_strfreev (settings->problems);
  g_free (settings);
}
