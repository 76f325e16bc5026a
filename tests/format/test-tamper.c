/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A bundle in which one bit was flipped or one byte is missing is always refused as corrupt, wherever the
 * damage is: in an entity (its digest), in patch.json (its own), and in an entity whose
 * digest was made to fit (its checks must hold on their own, without harm). */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "sample.h"

typedef struct {
  char *parent;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->parent = g_dir_make_tmp ("syscare-tamper-XXXXXX", NULL);
  fixture->path = sample_bundle (fixture->parent, "HP001", 1);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  sample_remove (fixture->parent);
  g_free (fixture->parent);
  g_free (fixture->path);
}

static void
assert_corrupt (const char *path, const char *what, gsize at)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (LpBundle) bundle = lp_bundle_open (path, 0, &error);

  if (bundle == NULL && g_error_matches (error, LP_ERROR, LP_ERROR_PATCH_CORRUPT))
    return;
  g_test_message ("%s at %" G_GSIZE_FORMAT ": %s", what, at, error != NULL ? error->message : "accepted");
  g_test_fail ();
}

/* Every byte of the file with a bit flipped, then every shorter length. */
static void
tamper (const char *path, const char *name, gsize step)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *file = g_build_filename (path, name, NULL);
  LP_AUTO_FD int fd = open (file, O_RDWR | O_CLOEXEC);
  g_autoptr (GBytes) bytes = lp_io_read_fd (fd, file, G_MAXSSIZE, &error);
  g_assert_no_error (error);
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  for (gsize at = 0; at < size; at += step)
    {
      guint8 flipped = data[at] ^ 1 << (at % 8);
      g_assert_cmpint (pwrite (fd, &flipped, 1, at), ==, 1);
      assert_corrupt (path, "bit flipped", at);
      g_assert_cmpint (pwrite (fd, &data[at], 1, at), ==, 1);
    }
  g_autoptr (LpBundle) bundle = lp_bundle_open (path, 0, &error);
  g_assert_no_error (error);
  g_assert_nonnull (bundle); /* everything was put back */
  for (gsize length = size; length > 0; length -= MIN (step, length))
    {
      g_assert_cmpint (ftruncate (fd, length - 1), ==, 0);
      assert_corrupt (path, "truncated", length - 1);
    }
}

static void
test_entity (Fixture *fixture, gconstpointer data)
{
  tamper (fixture->path, "object-0.entity", 1);
}

static guint
touch (const void *data, gsize size)
{
  guint sum = 0;

  for (gsize i = 0; i < size; i++)
    sum += ((const guint8 *)data)[i];
  return sum;
}

/* Follows every index and offset that the engine would follow. */
static guint
use (const LpEntity *entity)
{
  guint n, n_symbols, sum = 0;
  const LpEntityFunction *functions = lp_entity_functions (entity, &n);
  gsize size;
  const guint8 *file = g_bytes_get_data (lp_elf_bytes (lp_entity_elf (entity)), &size);

  for (guint i = 0; i < n; i++)
    sum += touch (file + functions[i].new_address, functions[i].new_size)
           + touch (file + lp_entity_identity (entity)->sites, n * sizeof (LpEntitySite))
           + strlen (lp_entity_string (entity, functions[i].name));
  const LpEntitySymbol *symbols = lp_entity_symbols (entity, &n_symbols);
  for (guint i = 0; i < n_symbols; i++)
    sum += strlen (lp_entity_string (entity, symbols[i].name))
           + strlen (lp_entity_string (entity, symbols[i].version));
  const LpEntityRelocation *relocations = lp_entity_relocations (entity, &n);
  for (guint i = 0; i < n; i++)
    {
      const guint8 *place = lp_elf_at (lp_entity_elf (entity), relocations[i].offset, 4);
      g_assert_nonnull (place);
      sum += touch (place, 4) + symbols[relocations[i].symbol].kind;
    }
  return sum;
}

/* Somebody who can write the manifest can make the digest fit. What is then accepted must still be safe to
 * use. */
static void
test_entity_with_fitting_digest (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GBytes) file = sample_entity ("2ed6657d-e927-568b-95e1-2665a8aea6a2", NULL);
  gsize size;
  const guint8 *original = g_bytes_get_data (file, &size);
  guint accepted = 0, refused = 0, sum = 0;

  for (gsize at = 0; at < size; at++)
    for (guint bit = 0; bit < 8; bit++)
      {
        g_autoptr (GError) error = NULL;
        guint8 *copy = g_memdup2 (original, size);
        copy[at] ^= 1 << bit;
        g_autoptr (GBytes) flipped = g_bytes_new_take (copy, size);
        g_autoptr (LpEntity) entity = lp_entity_new (flipped, "flipped", &error);
        if (entity != NULL)
          {
            sum += use (entity);
            accepted++;
            continue;
          }
        g_assert_true (error->domain == LP_ERROR);
        g_assert_true (error->code == LP_ERROR_PATCH_CORRUPT || error->code == LP_ERROR_NOT_SUPPORTED);
        refused++;
      }
  g_test_message ("%u flips refused, %u harmless (sum %u)", refused, accepted, sum);
  g_assert_cmpuint (refused, >, size); /* code, names and padding are most of the rest */

  for (gsize length = 0; length < size; length++)
    {
      g_autoptr (GBytes) shorter = g_bytes_new (original, length);
      g_autoptr (LpEntity) entity = lp_entity_new (shorter, "shorter", NULL);
      g_assert_null (entity);
    }
}

static void
test_manifest (Fixture *fixture, gconstpointer data)
{
  tamper (fixture->path, LP_MANIFEST_FILE, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/tamper/an entity with any byte changed or cut off is refused", Fixture, NULL, set_up,
              test_entity, tear_down);
  g_test_add ("/tamper/an entity with a fitting digest is refused or harmless", Fixture, NULL, set_up,
              test_entity_with_fitting_digest, tear_down);
  g_test_add ("/tamper/a manifest with any byte changed or cut off is refused", Fixture, NULL, set_up,
              test_manifest, tear_down);
  return g_test_run ();
}
