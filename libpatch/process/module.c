/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recognises the ELF files mapped in a process. Trusts nothing in them: a damaged file is no module. Must not
 * know about patches. Sources: gABI chapter 5 (program header, notes); proc(5). */
#include "process/module.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_PROGRAM_HEADERS 128
#define MAX_NOTES_SIZE (1u << 20)
#define MAX_BUILD_ID 64
#define PAGE_MASK_4K 0xfffULL

/* struct procmap_query of linux/fs.h (Linux 6.11). */
typedef struct {
  guint64 size, flags, address;
  guint64 start, end, vma_flags, page_size, offset, inode;
  guint32 major, minor, name_size, build_id_size;
  guint64 name_address, build_id_address;
} ProcMapQuery;
G_STATIC_ASSERT (sizeof (ProcMapQuery) == 104);

#define PROCMAP_QUERY_REQUEST _IOWR ('f', 17, ProcMapQuery)
#define PROCMAP_QUERY_FILE_BACKED 0x20

/* What matters of one ELF file. */
typedef struct {
  Elf64_Ehdr header;
  Elf64_Phdr segments[MAX_PROGRAM_HEADERS];
  char *build_id;
} Image;

struct LpModuleCache {
  GHashTable *images; /* "major:minor:inode:path" -> Image, NULL value for "not ELF" */
};

static void
image_free (gpointer data)
{
  Image *image = data;

  if (image != NULL)
    g_free (image->build_id);
  g_free (image);
}

LpModuleCache *
lp_module_cache_new (void)
{
  LpModuleCache *cache = g_new0 (LpModuleCache, 1);

  cache->images = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, image_free);
  return cache;
}

void
lp_module_cache_free (LpModuleCache *cache)
{
  if (cache == NULL)
    return;
  g_hash_table_unref (cache->images);
  g_free (cache);
}

void
lp_module_free (LpModule *module)
{
  if (module == NULL)
    return;
  g_free (module->path);
  g_free (module->build_id);
  g_free (module);
}

/* Where the bytes of an ELF file come from: the file itself, or the memory of the process from @base on. Of
 * that the first page is read only once: mostly it holds all that is asked for. */
typedef struct {
  int fd;
  LpProcess *process;
  guint64 base;
  guint8 first[PAGE_MASK_4K + 1];
  gsize n_first; /* 0: not read yet */
} Source;

static gboolean
source_read (Source *source, guint64 offset, void *buffer, gsize size)
{
  if (source->fd >= 0)
    return offset <= G_MAXINT64 && pread64 (source->fd, buffer, size, (off64_t)offset) == (ssize_t)size;
  if (source->n_first == 0)
    source->n_first
        = lp_process_read_some (source->process, source->base, source->first, sizeof source->first);
  if (size <= source->n_first && offset <= source->n_first - size)
    {
      memcpy (buffer, source->first + offset, size);
      return TRUE;
    }
  return lp_process_read_some (source->process, source->base + offset, buffer, size) == size;
}

static char *
to_hex (const guint8 *bytes, gsize size)
{
  static const char digits[] = "0123456789abcdef";
  char *hex = g_malloc (2 * size + 1);

  for (gsize i = 0; i < size; i++)
    {
      hex[2 * i] = digits[bytes[i] >> 4];
      hex[2 * i + 1] = digits[bytes[i] & 15];
    }
  hex[2 * size] = '\0';
  return hex;
}

/* The Build-ID in the notes @bytes, hex, or NULL. */
static char *
find_build_id (const guint8 *bytes, gsize size, gsize align)
{
  gsize position = 0;

  while (size - position >= sizeof (Elf64_Nhdr))
    {
      Elf64_Nhdr note;
      memcpy (&note, bytes + position, sizeof note);
      gsize name = position + sizeof note;
      gsize desc = name + (((gsize)note.n_namesz + align - 1) & ~(align - 1));
      gsize next = desc + (((gsize)note.n_descsz + align - 1) & ~(align - 1));

      if (desc > size || note.n_descsz > size - desc)
        return NULL;
      if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp (bytes + name, "GNU", 4) == 0
          && note.n_descsz > 0 && note.n_descsz <= MAX_BUILD_ID)
        {
          return to_hex (bytes + desc, note.n_descsz);
        }
      if (next > size)
        return NULL;
      position = next;
    }
  return NULL;
}

static char *
read_build_id (Source *source, const Image *image)
{
  for (guint i = 0; i < image->header.e_phnum; i++)
    {
      const Elf64_Phdr *segment = &image->segments[i];
      /* In memory a note lies at its address, relative to the first segment's; both views agree for the first
       * PT_LOAD. */
      if (segment->p_type != PT_NOTE || segment->p_filesz == 0 || segment->p_filesz > MAX_NOTES_SIZE)
        continue;

      g_autofree guint8 *bytes = g_try_malloc (segment->p_filesz);
      if (bytes == NULL || !source_read (source, segment->p_offset, bytes, segment->p_filesz))
        continue;
      char *build_id = find_build_id (bytes, segment->p_filesz, segment->p_align == 8 ? 8 : 4);
      if (build_id != NULL)
        return build_id;
    }
  return NULL;
}

/* @build_id: of the file, when it is known already; else NULL: out of its notes. */
static Image *
read_image (Source *source, const char *build_id)
{
  g_autofree Image *image = g_new0 (Image, 1);
  Elf64_Ehdr *header = &image->header;

  if (!source_read (source, 0, header, sizeof *header) || memcmp (header->e_ident, ELFMAG, SELFMAG) != 0)
    return NULL;
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB
      || (header->e_type != ET_EXEC && header->e_type != ET_DYN))
    return NULL;
  if (header->e_phentsize != sizeof (Elf64_Phdr) || header->e_phnum == 0
      || header->e_phnum > MAX_PROGRAM_HEADERS)
    return NULL;
  if (!source_read (source, header->e_phoff, image->segments, header->e_phnum * sizeof (Elf64_Phdr)))
    return NULL;
  image->build_id = build_id != NULL ? g_strdup (build_id) : read_build_id (source, image);
  return g_steal_pointer (&image);
}

/* Opens what is mapped at [start, end). The path is followed inside the process's own root and believed only
 * when device and inode are the mapped ones. */
static int
open_mapped (const LpProcess *process, guint64 start, guint64 end, const LpMapping *mapping, GError **error)
{
  g_autofree char *name
      = g_strdup_printf ("map_files/%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x", start, end);
  int fd = lp_process_open_file (process, name, O_RDONLY, NULL);
  struct stat status;

  if (fd >= 0)
    return fd;
  if (mapping != NULL && mapping->path[0] == '/' && !mapping->deleted)
    {
      g_autofree char *below_root = g_strconcat ("root", mapping->path, NULL);
      fd = lp_process_open_file (process, below_root, O_RDONLY | O_NOCTTY | O_NONBLOCK, NULL);
      if (fd >= 0 && fstat (fd, &status) == 0 && S_ISREG (status.st_mode) && status.st_ino == mapping->inode
          && major (status.st_dev) == mapping->major && minor (status.st_dev) == mapping->minor)
        return fd;
      if (fd >= 0)
        close (fd);
    }
  if (!lp_process_is_alive (process))
    lp_error_set (error, LP_ERROR_PROCESS_GONE, NULL, "process %d has exited", lp_process_pid (process));
  else
    lp_error_set (error, LP_ERROR_FAILED, NULL,
                  "process %d: can't open the file mapped at 0x%" G_GINT64_MODIFIER "x",
                  lp_process_pid (process), start);
  return -1;
}

/* The mapping with file offset 0 that belongs to the same file and lies below @mapping, NULL when there is
 * none. */
static const LpMapping *
first_mapping (const LpMaps *maps, guint index)
{
  const LpMapping *mapping = &g_array_index (maps->mappings, LpMapping, index);

  for (guint i = index + 1; i-- > 0;)
    {
      const LpMapping *m = &g_array_index (maps->mappings, LpMapping, i);
      if (m->inode == mapping->inode && m->minor == mapping->minor && m->major == mapping->major
          && m->offset == 0)
        return m;
    }
  return NULL;
}

/* The Build-ID of the file mapped at @address as the kernel reads it, without opening the file: FALSE when
 * this kernel can't tell (before Linux 6.11). *@build_id is NULL when it found none. */
static gboolean
ask_build_id (LpProcess *process, guint64 address, char **build_id)
{
  guint8 bytes[MAX_BUILD_ID];
  ProcMapQuery query = { .size = sizeof query,
                         .flags = PROCMAP_QUERY_FILE_BACKED,
                         .address = address,
                         .build_id_size = sizeof bytes,
                         .build_id_address = (guint64)(gsize)bytes };
  int fd = lp_process_maps_fd (process);

  *build_id = NULL;
  if (fd < 0)
    return FALSE;
  gboolean answered = ioctl (fd, PROCMAP_QUERY_REQUEST, &query) == 0;
  if (answered && query.build_id_size > 0 && query.build_id_size <= sizeof bytes)
    *build_id = to_hex (bytes, query.build_id_size);
  return answered;
}

gboolean
lp_module_is_file (LpProcess *process, guint64 start, guint64 size, guint64 device, guint64 inode)
{
  ProcMapQuery query = { .size = sizeof query, .flags = PROCMAP_QUERY_FILE_BACKED, .address = start };
  int fd = lp_process_maps_fd (process);

  return fd >= 0 && ioctl (fd, PROCMAP_QUERY_REQUEST, &query) == 0 && query.start == start
         && query.end == start + size && query.inode == inode && makedev (query.major, query.minor) == device;
}

/* Reads what is mapped as mapping @index. Opening a file may be seen by others (fanotify), and a permission
 * gate holds whoever does: so the kernel is asked for the Build-ID, and the headers are read from memory
 * (should they be forged there, no site will hold the original code). Only where that doesn't work the file
 * is opened, if @may_open; *@from_file says that it was. */
static Image *
load_image (LpProcess *process, const LpMaps *maps, guint index, gboolean may_open, gboolean *from_file)
{
  const LpMapping *mapping = &g_array_index (maps->mappings, LpMapping, index);
  const LpMapping *first = first_mapping (maps, index);
  Source source = { .fd = -1, .process = process, .base = first != NULL ? first->start : 0 };
  g_autofree char *build_id = NULL;
  gboolean answered = ask_build_id (process, mapping->start, &build_id);
  Image *image = NULL;

  if ((!answered || first == NULL) && may_open)
    source.fd = open_mapped (process, mapping->start, mapping->end, mapping, NULL);
  if (source.fd >= 0 || first != NULL)
    image = read_image (&source, build_id);
  *from_file = source.fd >= 0;
  if (source.fd >= 0)
    close (source.fd);
  return image;
}

/* The load bias by the executable segment that @mapping shows a part of: file offset and address of a segment
 * are congruent, but need not be equal (lld gives the text its own offset). FALSE when no segment fits. */
static gboolean
bias_of_mapping (const Image *image, const LpMapping *mapping, guint64 *bias)
{
  for (guint i = 0; i < image->header.e_phnum; i++)
    {
      const Elf64_Phdr *segment = &image->segments[i];
      guint64 low = segment->p_offset & ~PAGE_MASK_4K;

      if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0 || mapping->offset < low
          || mapping->offset - low >= segment->p_filesz + (segment->p_offset & PAGE_MASK_4K))
        continue;
      *bias = mapping->start - (mapping->offset - low) - (segment->p_vaddr & ~PAGE_MASK_4K);
      return image->header.e_type == ET_DYN || *bias == 0;
    }
  return FALSE;
}

/* Run-time extent and interesting places of @image at its bias. */
static void
fill_extent (LpModule *module, const Image *image)
{
  guint64 low = G_MAXUINT64, high = 0;

  for (guint i = 0; i < image->header.e_phnum; i++)
    {
      const Elf64_Phdr *segment = &image->segments[i];
      if (segment->p_type == PT_DYNAMIC)
        module->dynamic = module->bias + segment->p_vaddr;
      if (segment->p_type != PT_LOAD)
        continue;
      low = MIN (low, segment->p_vaddr & ~PAGE_MASK_4K);
      high = MAX (high, (segment->p_vaddr + segment->p_memsz + PAGE_MASK_4K) & ~PAGE_MASK_4K);
      if (image->header.e_phoff >= segment->p_offset
          && image->header.e_phoff - segment->p_offset < segment->p_filesz)
        module->program_headers
            = module->bias + segment->p_vaddr + (image->header.e_phoff - segment->p_offset);
    }
  module->start = module->bias + low;
  module->end = module->bias + high;
}

static LpModule *
module_new (const Image *image, const LpMapping *mapping, guint64 bias)
{
  LpModule *module = g_new0 (LpModule, 1);

  module->path = g_strdup (mapping->path);
  module->major = mapping->major;
  module->minor = mapping->minor;
  module->inode = mapping->inode;
  module->bias = bias;
  module->map_start = mapping->start;
  module->map_end = mapping->end;
  module->type = image->header.e_type;
  module->machine = image->header.e_machine;
  module->build_id = g_strdup (image->build_id);
  fill_extent (module, image);
  return module;
}

LpModule *
lp_module_read_at (LpProcess *process, guint64 base, GArray *mappings)
{
  Source source = { .fd = -1, .process = process, .base = base };
  Image *image = read_image (&source, NULL);
  LpModule *module = NULL;
  guint64 bias = 0;
  guint first = mappings->len;

  for (guint i = 0; image != NULL && i < image->header.e_phnum; i++)
    {
      const Elf64_Phdr *segment = &image->segments[i];
      if (segment->p_type != PT_LOAD || segment->p_memsz == 0)
        continue;
      if (mappings->len == first && (segment->p_offset & ~PAGE_MASK_4K) != 0)
        break; /* the headers' segment comes first */
      if (mappings->len == first)
        bias = base - (segment->p_vaddr & ~PAGE_MASK_4K);
      LpMapping mapping = {
        .start = bias + (segment->p_vaddr & ~PAGE_MASK_4K),
        .end = (bias + segment->p_vaddr + segment->p_memsz + PAGE_MASK_4K) & ~PAGE_MASK_4K,
        .offset = segment->p_offset & ~PAGE_MASK_4K,
        .prot = ((segment->p_flags & PF_R) != 0 ? PROT_READ : 0)
                | ((segment->p_flags & PF_W) != 0 ? PROT_WRITE : 0)
                | ((segment->p_flags & PF_X) != 0 ? PROT_EXEC : 0),
        .path = "",
      };
      g_array_append_val (mappings, mapping);
      if (module == NULL && (segment->p_flags & PF_X) != 0 && (image->header.e_type == ET_DYN || bias == 0))
        module = module_new (image, &mapping, bias);
    }
  image_free (image);
  return module;
}

/* The image behind mapping @index: out of the cache, or read. Only what the file itself says is remembered: a
 * process may write anything over its own headers, and must not hide the file in all others by it. @owned
 * receives what the caller must free. */
static const Image *
image_for (LpProcess *process, const LpMaps *maps, guint index, LpModuleCache *cache, Image **owned)
{
  const LpMapping *m = &g_array_index (maps->mappings, LpMapping, index);
  gpointer found = NULL;
  gboolean from_file;

  *owned = NULL;
  if (cache == NULL)
    return *owned = load_image (process, maps, index, /* may_open= */ TRUE, &from_file);

  g_autofree char *key
      = g_strdup_printf ("%x:%x:%" G_GUINT64_FORMAT ":%s", m->major, m->minor, m->inode, m->path);
  if (g_hash_table_lookup_extended (cache->images, key, NULL, &found))
    return found;
  found = load_image (process, maps, index, /* may_open= */ TRUE, &from_file);
  if (!from_file)
    return *owned = found;
  if (found == NULL && !lp_process_is_alive (process))
    return NULL; /* says nothing about the file */
  g_hash_table_insert (cache->images, g_steal_pointer (&key), found);
  return found;
}

GPtrArray *
lp_modules_read (LpProcess *process, const LpMaps *maps, LpModuleCache *cache)
{
  GPtrArray *modules = g_ptr_array_new_with_free_func ((GDestroyNotify)lp_module_free);

  for (guint i = 0; i < maps->mappings->len; i++)
    {
      const LpMapping *mapping = &g_array_index (maps->mappings, LpMapping, i);
      guint64 bias;

      if ((mapping->prot & PROT_EXEC) == 0 || mapping->inode == 0)
        continue;
      const LpModule *last = modules->len > 0 ? g_ptr_array_index (modules, modules->len - 1) : NULL;
      if (last != NULL && last->inode == mapping->inode && last->minor == mapping->minor
          && last->major == mapping->major && mapping->start < last->end)
        continue; /* another part of the same text: mprotect() and madvise() split mappings */

      Image *owned;
      const Image *image = image_for (process, maps, i, cache, &owned);
      if (image != NULL && bias_of_mapping (image, mapping, &bias))
        g_ptr_array_add (modules, module_new (image, mapping, bias));
      image_free (owned);
    }
  return modules;
}

int
lp_module_open (const LpProcess *process, const LpModule *module, GError **error)
{
  g_autoptr (LpMaps) maps = lp_maps_read (process, error);

  if (maps == NULL)
    return -1;
  const LpMapping *mapping = lp_maps_find (maps, module->map_start);
  if (mapping == NULL || mapping->inode != module->inode || mapping->minor != module->minor
      || mapping->major != module->major)
    {
      lp_error_set (error, LP_ERROR_FAILED, NULL, "process %d: %s is mapped no longer",
                    lp_process_pid (process), module->path);
      return -1;
    }
  return open_mapped (process, mapping->start, mapping->end, mapping, error);
}

gboolean
lp_module_is_unchanged (LpProcess *process, const LpModule *module, const LpMaps *maps)
{
  const LpMapping *mapping = lp_maps_find (maps, module->map_start);

  if (mapping == NULL || mapping->inode != module->inode || mapping->minor != module->minor
      || mapping->major != module->major || (mapping->prot & PROT_EXEC) == 0)
    return FALSE;
  guint index = mapping - &g_array_index (maps->mappings, LpMapping, 0);
  gboolean from_file;
  Image *image = load_image (process, maps, index, /* may_open= */ FALSE, &from_file);
  guint64 bias;
  gboolean same = image != NULL && bias_of_mapping (image, mapping, &bias) && bias == module->bias
                  && g_strcmp0 (image->build_id, module->build_id) == 0;
  image_free (image);
  return same;
}

const LpModule *
lp_modules_find (const GPtrArray *modules, guint64 address)
{
  for (guint i = 0; i < modules->len; i++)
    {
      const LpModule *module = g_ptr_array_index (modules, i);
      if (address >= module->start && address < module->end)
        return module;
    }
  return NULL;
}
