/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a text is JSON at all, and not too deep. json-glib parses recursively without a limit, takes more
 * than JSON (comments, single quotes, several documents in one) and leaks memory over some malformed ones, so
 * it only ever sees what passed here. Must not know what the text means. Source: RFC 8259. */
#include <string.h>

#include "format/json.h"

/* Where the check stands. */
typedef struct {
  const char *data;
  gsize length;
  gsize at;
  const char *problem; /* set once, with @at where it is */
} Scan;

static gboolean
fail (Scan *scan, const char *problem)
{
  scan->problem = problem;
  return FALSE;
}

/* The next character, NUL at the end; a NUL in the text is none of the expected ones either. */
static char
peek (const Scan *scan)
{
  return scan->at < scan->length ? scan->data[scan->at] : '\0';
}

static void
skip_space (Scan *scan)
{
  while (peek (scan) == ' ' || peek (scan) == '\t' || peek (scan) == '\n' || peek (scan) == '\r')
    scan->at++;
}

static gboolean
take (Scan *scan, char c)
{
  if (peek (scan) != c || c == '\0')
    return FALSE;
  scan->at++;
  return TRUE;
}

/* The code unit of the "\uXXXX" whose backslash is at @at; -1 when it is malformed. */
static int
code_unit (const char *data, gsize length, gsize at)
{
  int value = 0;

  if (length - at < 6 || data[at] != '\\' || data[at + 1] != 'u')
    return -1;
  for (gsize i = at + 2; i < at + 6; i++)
    {
      if (!g_ascii_isxdigit (data[i]))
        return -1;
      value = value << 4 | g_ascii_xdigit_value (data[i]);
    }
  return value;
}

/* Bytes of the escape sequence at @at, 0 when it is malformed, NUL, or half of a surrogate pair: json-glib
 * would make invalid UTF-8 (and leak memory) there. */
static gsize
escape_length (const char *data, gsize length, gsize at)
{
  if (length - at >= 2 && data[at + 1] != '\0' && strchr ("\"\\/bfnrt", data[at + 1]) != NULL)
    return 2;

  int unit = code_unit (data, length, at);
  if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff))
    return 0;
  if (unit < 0xd800 || unit > 0xdbff)
    return 6;
  int low = length - at > 6 ? code_unit (data, length, at + 6) : -1;
  return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

static gboolean
check_string (Scan *scan)
{
  if (!take (scan, '"'))
    return fail (scan, "a string is missing");
  while (scan->at < scan->length)
    {
      if (take (scan, '"'))
        return TRUE;
      gsize step = peek (scan) == '\\' ? escape_length (scan->data, scan->length, scan->at) : 1;
      if ((guchar)peek (scan) < 0x20)
        return fail (scan, "control character in a string");
      if (step == 0)
        return fail (scan, "malformed escape sequence in a string");
      scan->at += step;
    }
  return fail (scan, "string without end");
}

static gboolean
check_digits (Scan *scan)
{
  if (!g_ascii_isdigit (peek (scan)))
    return fail (scan, "a digit is missing");
  while (g_ascii_isdigit (peek (scan)))
    scan->at++;
  return TRUE;
}

static gboolean
check_number (Scan *scan)
{
  take (scan, '-');
  if (!take (scan, '0') && !check_digits (scan))
    return FALSE;
  if (take (scan, '.') && !check_digits (scan))
    return FALSE;
  if (take (scan, 'e') || take (scan, 'E'))
    {
      if (!take (scan, '+'))
        take (scan, '-');
      return check_digits (scan);
    }
  return TRUE;
}

static gboolean
check_word (Scan *scan)
{
  static const char *const words[] = { "true", "false", "null" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      gsize size = strlen (words[i]);
      if (scan->length - scan->at >= size && memcmp (scan->data + scan->at, words[i], size) == 0)
        {
          scan->at += size;
          return TRUE;
        }
    }
  return fail (scan, "not JSON");
}

static gboolean check_value (Scan *scan, guint depth);

/* One element of an array, or one member of an object. */
static gboolean
check_element (Scan *scan, gboolean is_object, guint depth)
{
  skip_space (scan);
  if (!is_object)
    return check_value (scan, depth);
  if (!check_string (scan))
    return FALSE;
  skip_space (scan);
  return take (scan, ':') ? check_value (scan, depth) : fail (scan, "a colon is missing");
}

static gboolean
check_container (Scan *scan, gboolean is_object, guint depth)
{
  char end = is_object ? '}' : ']';

  if (depth > LP_JSON_DEPTH_MAX)
    return fail (scan, "nested too deeply");
  scan->at++; /* the opening bracket */
  skip_space (scan);
  if (take (scan, end))
    return TRUE;
  do
    {
      if (!check_element (scan, is_object, depth))
        return FALSE;
      skip_space (scan);
  } while (take (scan, ','));
  return take (scan, end) || fail (scan, "a comma or closing bracket is missing");
}

static gboolean
check_value (Scan *scan, guint depth)
{
  skip_space (scan);
  switch (peek (scan))
    {
    case '{':
      return check_container (scan, TRUE, depth + 1);
    case '[':
      return check_container (scan, FALSE, depth + 1);
    case '"':
      return check_string (scan);
    case 't':
    case 'f':
    case 'n':
      return check_word (scan);
    default:
      return peek (scan) == '-' || g_ascii_isdigit (peek (scan)) ? check_number (scan)
                                                                 : fail (scan, "not JSON");
    }
}

const char *
lp_json_check_grammar (const char *data, gsize length, gsize *offset)
{
  Scan scan = { data, length, 0, NULL };

  if (check_value (&scan, 0))
    {
      skip_space (&scan);
      if (scan.at < length)
        scan.problem = "something follows the end of the document";
    }
  *offset = scan.at;
  return scan.problem;
}
