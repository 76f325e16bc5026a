/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address space and free room, on this process. */
#include "process/maps.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static LpMaps *
read_own_maps (LpProcess **process)
{
  GError *error = NULL;

  *process = lp_process_open (getpid (), &error);
  g_assert_no_error (error);
  LpMaps *maps = lp_maps_read (*process, &error);
  g_assert_no_error (error);
  return maps;
}

static void
test_mapping_is_shown_as_made (void)
{
  char *p = mmap (NULL, 3 * 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_autoptr (LpProcess) process = NULL;
  g_autoptr (LpMaps) maps = read_own_maps (&process);
  const LpMapping *mapping = lp_maps_find (maps, (guint64)(gsize)p + 4096);

  g_assert_nonnull (mapping);
  g_assert_cmphex (mapping->start, ==, (guint64)(gsize)p);
  g_assert_cmphex (mapping->end, ==, (guint64)(gsize)p + 3 * 4096);
  g_assert_cmpint (mapping->prot, ==, PROT_READ);
  g_assert_true (mapping->shared);
  munmap (p, 3 * 4096);
}

static void
test_deleted_file_is_marked (void)
{
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "syscare-maps (deleted)-XXXXXX", NULL);
  int fd = g_mkstemp (path);

  g_assert_cmpint (ftruncate (fd, 4096), ==, 0);
  char *p = mmap (NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  g_assert_true (p != MAP_FAILED);
  g_autoptr (LpProcess) process = NULL;
  g_autoptr (LpMaps) before = read_own_maps (&process);
  const LpMapping *mapping = lp_maps_find (before, (guint64)(gsize)p);
  g_assert_cmpstr (mapping->path, ==, path);
  g_assert_false (mapping->deleted);
  g_assert_cmpuint (mapping->inode, !=, 0);

  unlink (path);
  g_autoptr (LpProcess) again = NULL;
  g_autoptr (LpMaps) after = read_own_maps (&again);
  mapping = lp_maps_find (after, (guint64)(gsize)p);
  g_assert_cmpstr (mapping->path, ==, path);
  g_assert_true (mapping->deleted);
  munmap (p, 4096);
  close (fd);
}

static void
test_unmapped_address_is_in_no_mapping (void)
{
  char *p = mmap (NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  munmap (p, 4096);
  g_autoptr (LpProcess) process = NULL;
  g_autoptr (LpMaps) maps = read_own_maps (&process);
  g_assert_null (lp_maps_find (maps, (guint64)(gsize)p));
  g_assert_null (lp_maps_find (maps, 0));
  g_assert_null (lp_maps_find (maps, G_MAXUINT64));
}

/* Every hole is free, within the bounds, and can really be mapped; the nearest comes first. */
static void
test_holes_are_free_and_near (void)
{
  g_autoptr (LpProcess) process = NULL;
  g_autoptr (LpMaps) maps = read_own_maps (&process);
  guint64 near = (guint64)(gsize)&test_holes_are_free_and_near & ~(guint64)4095;
  guint64 low = near - 0x7ff00123, high = near + 0x7ff00123, last = 0; /* no page begins there */
  g_autoptr (GArray) holes = lp_maps_holes (maps, 8192, low, high, near);

  g_assert_cmpuint (holes->len, >, 0);
  for (guint i = 0; i < holes->len; i++)
    {
      guint64 at = g_array_index (holes, guint64, i), distance = at > near ? at - near : near - at;
      g_assert_cmphex (at & 4095, ==, 0);
      g_assert_cmphex (at, >=, low);
      g_assert_cmphex (at + 8192, <=, high);
      g_assert_cmphex (distance, >=, last);
      last = distance;
      void *p = mmap ((void *)(gsize)at, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                      -1, 0);
      g_assert_true (p == (void *)(gsize)at);
      munmap (p, 8192);
    }
}

static LpMaps *
made_up_maps (const LpMapping *mappings, guint n)
{
  LpMaps *maps = g_new0 (LpMaps, 1);

  maps->mappings = g_array_new (FALSE, FALSE, sizeof (LpMapping));
  g_array_append_vals (maps->mappings, mappings, n);
  return maps;
}

/* The heap grows upwards, the stack downwards: room is taken at the far end of the gap, and not right below
 * the stack. */
static void
test_holes_leave_room_to_grow (void)
{
  const LpMapping mappings[] = {
    { .start = 0x400000, .end = 0x500000, .inode = 1, .path = "/bin/program" },
    { .start = 0x600000, .end = 0x700000, .path = "[heap]" },
    { .start = 0x10000000, .end = 0x10100000, .path = "[stack]" },
  };
  g_autoptr (LpMaps) maps = made_up_maps (mappings, G_N_ELEMENTS (mappings));
  g_autoptr (GArray) holes = lp_maps_holes (maps, 0x1000, 0x500000, 0x10000000, 0x400000);

  g_assert_cmpuint (holes->len, ==, 2);
  g_assert_cmphex (g_array_index (holes, guint64, 0), ==, 0x5ff000);
  g_assert_cmphex (g_array_index (holes, guint64, 1), ==, 0x10000000 - (16 << 20) - 0x1000);
}

static void
test_no_hole_is_an_empty_list (void)
{
  const LpMapping mappings[] = { { .start = 0x10000, .end = 0x7fffffff0000, .path = "" } };
  g_autoptr (LpMaps) maps = made_up_maps (mappings, 1);
  g_autoptr (GArray) holes = lp_maps_holes (maps, 0x1000, 0, G_MAXUINT64, 0x400000);

  g_assert_cmpuint (holes->len, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/maps/a mapping is shown as it was made", test_mapping_is_shown_as_made);
  g_test_add_func ("/maps/a deleted file is marked, whatever its name", test_deleted_file_is_marked);
  g_test_add_func ("/maps/an address in no mapping", test_unmapped_address_is_in_no_mapping);
  g_test_add_func ("/maps/holes are free, within bounds, nearest first", test_holes_are_free_and_near);
  g_test_add_func ("/maps/holes leave heap and stack room to grow", test_holes_leave_room_to_grow);
  g_test_add_func ("/maps/a full address space has no hole", test_no_hole_is_an_empty_list);
  return g_test_run ();
}
