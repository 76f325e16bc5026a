/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Terminal text: escaping, widths, colours, times. */
#include "config.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"

/* Characters that steer a terminal or turn the order of what is read: C0, DEL, C1, bidirectional controls,
 * line separators. */
static gboolean
is_steering (gunichar c)
{
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || (c >= 0x200e && c <= 0x200f)
         || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* Nearly every name: nothing to escape, one column per byte. */
static gboolean
is_plain (const char *text)
{
  const char *p = text;

  while (*p >= 0x20 && *p < 0x7f)
    p++;
  return *p == '\0';
}

char *
cli_escape (const char *text)
{
  if (is_plain (text))
    return g_strdup (text);

  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *out = g_string_sized_new (strlen (valid) + 8);

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      if (!is_steering (c))
        g_string_append_unichar (out, c);
      else if (c < 0x100)
        g_string_append_printf (out, "\\x%02x", c);
      else
        g_string_append_printf (out, "\\u{%04x}", c);
    }
  return g_string_free (out, FALSE);
}

guint
cli_terminal_width (void)
{
  struct winsize size;

  if (isatty (STDOUT_FILENO) && ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
    return size.ws_col;
  return 0;
}

static guint
char_width (gunichar c)
{
  if (g_unichar_iszerowidth (c))
    return 0;
  return g_unichar_iswide (c) ? 2 : 1;
}

guint
cli_width (const char *text)
{
  guint width = 0;

  if (is_plain (text))
    return strlen (text);
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    width += char_width (g_utf8_get_char (p));
  return width;
}

char *
cli_cut (const char *text, guint columns)
{
  if (cli_width (text) <= columns)
    return g_strdup (text);

  guint width = 0;
  const char *end = text;
  while (width + char_width (g_utf8_get_char (end)) < columns)
    {
      width += char_width (g_utf8_get_char (end));
      end = g_utf8_next_char (end);
    }
  return g_strdup_printf ("%.*s…", (int)(end - text), text);
}

static gboolean
colours_wanted (void)
{
  static int wanted = -1;

  if (wanted < 0)
    {
      const char *no_color = g_getenv ("NO_COLOR");
      wanted = isatty (STDOUT_FILENO) && (no_color == NULL || *no_color == '\0')
               && g_strcmp0 (g_getenv ("TERM"), "dumb") != 0;
    }
  return wanted;
}

char *
cli_style (const char *text, CliStyle style)
{
  static const char *const codes[] = { [CLI_PLAIN] = "",  [CLI_BOLD] = "1", [CLI_GOOD] = "32",
                                       [CLI_WARN] = "33", [CLI_BAD] = "31", [CLI_DIM] = "2" };

  if (style == CLI_PLAIN || !colours_wanted ())
    return g_strdup (text);
  return g_strdup_printf ("\033[%sm%s\033[0m", codes[style], text);
}

static const struct {
  const char *word;
  const char *shown;
  CliStyle style;
} words[] = {
  { "not-applied", N_ ("not-applied"), CLI_DIM },
  { "deactivated", N_ ("deactivated"), CLI_WARN },
  { "active", N_ ("active"), CLI_GOOD },
  { "accepted", N_ ("accepted"), CLI_GOOD },
  { "unknown", N_ ("unknown"), CLI_WARN },
  { "patched", N_ ("patched"), CLI_GOOD },
  { "unpatched", N_ ("unpatched"), CLI_PLAIN },
  { "pending", N_ ("pending"), CLI_WARN },
  { "unpatchable", N_ ("unpatchable"), CLI_BAD },
  { "failed", N_ ("failed"), CLI_BAD },
  { "gone", N_ ("gone"), CLI_DIM },
  { "rolled-back", N_ ("rolled-back"), CLI_WARN },
  { "unchanged", N_ ("unchanged"), CLI_DIM },
  { "succeeded", N_ ("succeeded"), CLI_GOOD },
  { "denied", N_ ("denied"), CLI_BAD },
  { "cancelled", N_ ("cancelled"), CLI_WARN },
  { "queued", N_ ("queued"), CLI_DIM },
  { "running", N_ ("running"), CLI_PLAIN },
  { "cancelling", N_ ("cancelling"), CLI_WARN },
  { "ok", N_ ("ok"), CLI_GOOD },
  { "info", N_ ("info"), CLI_PLAIN },
  { "warning", N_ ("warning"), CLI_WARN },
  { "error", N_ ("error"), CLI_BAD },
};

const char *
cli_word (const char *word)
{
  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (words[i].word, word))
      return _ (words[i].shown);
  return word;
}

CliStyle
cli_word_style (const char *word)
{
  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    if (g_str_equal (words[i].word, word))
      return words[i].style;
  return CLI_PLAIN;
}

static const struct {
  const char *word;
  const char *sentence;
  gboolean kernel_only; /* stands before the row of the same word for all */
} problems[] = {
  { "target-changed",
    N_ ("the patch is for another kernel than the one that runs: build it for this one, or boot that one"),
    TRUE },
  { "processes-unpatched", N_ ("some processes run the target without the patch (see `syscare processes`)") },
  { "transition-pending", N_ ("the kernel has not switched all tasks yet") },
  { "not-loaded", N_ ("the kernel does not have it: `syscare apply` tries again, and says what hinders it") },
  { "target-changed", N_ ("the target on disk is another build than the patch was made for") },
  { "target-missing", N_ ("the target is not on this machine") },
  { "conflict", N_ ("something else has changed the same code") },
  { "overridden", N_ ("a later patch stands on top of this one") },
  { "digest-mismatch", N_ ("the patch's files are not what they were when it was installed") },
  { "untrusted", N_ ("the patch is not trusted") },
  { "foreign", N_ ("something else than SysCare loaded it: it can only be looked at") },
  { "bundle-missing", N_ ("processes run the patch, but its files are gone") },
};

const char *
cli_problem_sentence (const char *word, const char *kind)
{
  for (gsize i = 0; i < G_N_ELEMENTS (problems); i++)
    if (g_str_equal (problems[i].word, word) && (!problems[i].kernel_only || g_str_equal (kind, "kernel")))
      return _ (problems[i].sentence);
  return word;
}

char *
cli_format_time (guint64 usec)
{
  if (usec == 0 || usec / G_USEC_PER_SEC > G_MAXINT32 * 4LL)
    return g_strdup ("-");

  g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (usec / G_USEC_PER_SEC);
  return g_date_time_format (time, "%Y-%m-%d %H:%M:%S");
}

static const struct {
  const char *unit;
  guint64 usec;
} units[] = {
  { "us", 1 },
  { "ms", 1000 },
  { "s", G_USEC_PER_SEC },
  { "sec", G_USEC_PER_SEC },
  { "m", 60 * (guint64)G_USEC_PER_SEC },
  { "min", 60 * (guint64)G_USEC_PER_SEC },
  { "h", 3600 * (guint64)G_USEC_PER_SEC },
  { "d", 86400 * (guint64)G_USEC_PER_SEC },
  { "", G_USEC_PER_SEC },
};

gboolean
cli_parse_duration (const char *text, guint64 *usec, GError **error)
{
  /* Not strtod() alone: it also takes signs, blanks, hexadecimal numbers and "nan". */
  gsize digits = strspn (text, "0123456789.");
  g_autofree char *digit_text = g_strndup (text, digits);
  char *end;
  double number = g_ascii_strtod (digit_text, &end);
  gboolean sound = g_ascii_isdigit (*text) && *end == '\0';

  for (gsize i = 0; sound && i < G_N_ELEMENTS (units); i++)
    if (g_str_equal (units[i].unit, text + digits) && number * units[i].usec < (double)G_MAXINT64)
      {
        *usec = (guint64)(number * units[i].usec);
        return TRUE;
      }
  lp_error_set (error, LP_ERROR_INVALID_ARGS, _ ("write it as 30 (seconds), 500ms, 2min or 1h"),
                _ ("\"%s\" is not a length of time"), text);
  return FALSE;
}

/* Fields of "YYYY-MM-DD[( |T)HH:MM[:SS]]" in local time; NULL when @text isn't that. */
static GDateTime *
parse_local (const char *text)
{
  int year, month, day, hour = 0, minute = 0, second = 0, length = 0;

  int n = sscanf (text, "%4d-%2d-%2d%n%*1[ T]%2d:%2d%n:%2d%n", &year, &month, &day, &length, &hour, &minute,
                  &length, &second, &length);
  if (n != 3 && n < 5)
    return NULL;
  if (text[length] != '\0')
    return NULL;
  return g_date_time_new_local (year, month, day, hour, minute, second);
}

static GDateTime *
parse_day_word (const char *text, guint64 now)
{
  gboolean yesterday = g_str_equal (text, "yesterday");

  if (!yesterday && !g_str_equal (text, "today"))
    return NULL;
  g_autoptr (GDateTime) present = g_date_time_new_from_unix_local (now / G_USEC_PER_SEC);
  g_autoptr (GDateTime) day = g_date_time_add_days (present, yesterday ? -1 : 0);
  return g_date_time_new_local (g_date_time_get_year (day), g_date_time_get_month (day),
                                g_date_time_get_day_of_month (day), 0, 0, 0);
}

gboolean
cli_parse_time (const char *text, guint64 now, guint64 *usec, GError **error)
{
  g_autoptr (GDateTime) time = parse_day_word (text, now);

  if (time == NULL)
    time = parse_local (text);
  if (time == NULL)
    time = g_date_time_new_from_iso8601 (text, NULL);
  if (time != NULL)
    {
      gint64 seconds = g_date_time_to_unix (time);
      *usec = seconds > 0 ? (guint64)seconds * G_USEC_PER_SEC : 0;
      return TRUE;
    }

  guint64 ago;
  if (cli_parse_duration (text, &ago, NULL) && !g_ascii_isdigit (text[strlen (text) - 1]))
    {
      *usec = ago < now ? now - ago : 0;
      return TRUE;
    }
  lp_error_set (error, LP_ERROR_INVALID_ARGS,
                _ ("write it as 2026-01-31, \"2026-01-31 12:00\", today, yesterday, 2h or 3d"),
                _ ("\"%s\" is not a point in time"), text);
  return FALSE;
}
