/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads our images out of a process. Everything read is checked before use: the process may have written
 * anything there. Must not know about entities on disk. */
#include "user/image.h"

#include <elf.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_FUNCTIONS 65536 /* of all images of one process */
#define MAX_IMAGE (G_GUINT64_CONSTANT (1) << 30)
#define MAX_IMAGES 1024 /* of one process: more must be a forgery that would only keep us busy */
#define MAX_REDIRECT 16
#define PAGE 0x1000

void
lp_image_free (LpImage *image)
{
  if (image == NULL)
    return;
  g_clear_pointer (&image->by_stub, g_hash_table_unref);
  g_free (image->sites);
  g_free (image);
}

static gboolean
is_zero (const guint8 *bytes, gsize size)
{
  for (gsize i = 0; i < size; i++)
    if (bytes[i] != 0)
      return FALSE;
  return TRUE;
}

/* As lp_image_read(); NULL also when it has more than @max_functions. */
static LpImage *
read_image (LpProcess *process, guint64 start, guint64 end, guint max_functions)
{
  guint8 head[PAGE];
  LpEntityIdentity identity;
  gsize size = lp_process_read_some (process, start, head, MIN (end - start, sizeof head));

  if (size < LP_ENTITY_PEEK_SIZE || !lp_entity_peek_identity (head, size, &identity))
    return NULL;
  gsize sites_size = identity.n_functions * sizeof (LpEntitySite);
  guint64 text_size = end - start;
  if (identity.n_functions == 0 || identity.n_functions > max_functions || identity.image_size > MAX_IMAGE
      || identity.image_size < text_size || identity.sites > text_size
      || sites_size > text_size - identity.sites)
    return NULL;

  g_autofree LpEntitySite *sites = g_malloc (sites_size);
  if (identity.sites + sites_size <= size) /* mostly */
    memcpy (sites, head + identity.sites, sites_size);
  else if (!lp_process_read (process, start + identity.sites, sites, sites_size, NULL))
    return NULL;
  LpImage *image = g_new0 (LpImage, 1);
  image->identity = identity;
  image->base = start;
  image->text_end = end;
  image->complete = !is_zero (identity.digest, sizeof identity.digest);
  image->sites = g_steal_pointer (&sites);
  image->by_stub = g_hash_table_new (g_int64_hash, g_int64_equal);
  for (guint i = 0; i < identity.n_functions; i++)
    g_hash_table_insert (image->by_stub, &image->sites[i].stub, &image->sites[i]);
  return image;
}

LpImage *
lp_image_read (LpProcess *process, guint64 start, guint64 end)
{
  return read_image (process, start, end, MAX_FUNCTIONS);
}

GPtrArray *
lp_images_read (LpProcess *process, const LpMaps *maps)
{
  GPtrArray *images = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_image_free);
  guint functions = 0;

  for (guint i = 0; i < maps->mappings->len && images->len < MAX_IMAGES; i++)
    {
      const LpMapping *m = &g_array_index (maps->mappings, LpMapping, i);

      /* An image begins with its executable segment at file offset 0, in private memory; ordinary modules
       * mostly begin with a read-only one, so hardly anything needs to be read. */
      if (m->prot != (PROT_READ | PROT_EXEC) || m->shared || m->offset != 0 || m->path[0] == '[')
        continue;
      LpImage *image = read_image (process, m->start, m->end, MAX_FUNCTIONS - functions);
      if (image == NULL)
        continue;
      functions += image->identity.n_functions;
      g_ptr_array_add (images, image);
    }
  return images;
}

const LpImage *
lp_images_find (const GPtrArray *images, guint64 address)
{
  guint low = 0, high = images->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (((const LpImage *)g_ptr_array_index (images, middle))->base <= address)
        low = middle + 1;
      else
        high = middle;
    }
  const LpImage *image = low > 0 ? g_ptr_array_index (images, low - 1) : NULL;
  return image != NULL && address - image->base < image->identity.image_size ? image : NULL;
}

/* The site table entry of @image whose redirect goes to @stub, or NULL. */
static const LpEntitySite *
site_by_stub (const LpImage *image, guint64 stub)
{
  guint64 in_image = stub - image->base;

  return g_hash_table_lookup (image->by_stub, &in_image);
}

guint64
lp_images_below (const GPtrArray *images, guint64 stub)
{
  const LpImage *image = lp_images_find (images, stub);
  const LpEntitySite *entry = image != NULL ? site_by_stub (image, stub) : NULL;

  return entry != NULL ? entry->previous : 0;
}

guint64
lp_images_note (const GPtrArray *images, guint64 stub)
{
  const LpImage *image = lp_images_find (images, stub);
  const LpEntitySite *entry = image != NULL ? site_by_stub (image, stub) : NULL;

  return entry == NULL ? 0
                       : image->base + image->identity.sites + (guint64)(entry - image->sites) * sizeof *entry
                             + G_STRUCT_OFFSET (LpEntitySite, previous);
}

gboolean
lp_image_site_state (LpProcess *process, const LpArch *arch, const GPtrArray *images, const LpImage *image,
                     guint index, LpSiteState *state)
{
  guint64 site = image->identity.load_bias + image->sites[index].site;
  guint64 wanted = image->base + image->sites[index].stub, target;
  guint8 bytes[MAX_REDIRECT];

  *state = LP_SITE_OTHER;
  if (arch->redirect_size > sizeof bytes
      || !lp_process_read (process, site, bytes, arch->redirect_size, NULL))
    return FALSE;
  if (!arch->decode_redirect (bytes, arch->redirect_size, site, &target))
    return TRUE;
  for (guint depth = 0; depth < LP_STACKED_MAX; depth++)
    {
      if (target == wanted)
        {
          *state = depth == 0 ? LP_SITE_OURS : LP_SITE_STACKED;
          return TRUE;
        }
      target = lp_images_below (images, target);
      if (target == 0)
        return TRUE;
    }
  return TRUE;
}

LpImageState
lp_image_state (LpProcess *process, const LpArch *arch, const GPtrArray *images, const LpImage *image)
{
  guint standing = 0;

  for (guint i = 0; image->complete && i < image->identity.n_functions; i++)
    {
      LpSiteState state;
      if (lp_image_site_state (process, arch, images, image, i, &state) && state != LP_SITE_OTHER)
        standing++;
    }
  if (standing == 0)
    return LP_IMAGE_LOADED;
  return standing == image->identity.n_functions ? LP_IMAGE_ACTIVE : LP_IMAGE_PARTIAL;
}
