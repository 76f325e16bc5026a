/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kernel code that goes into a livepatch module which changes other modules; the builder writes it beside the
 * C file that registers the patch. It sees to it that such a module is the build that the new code was proven
 * against, and that it can come again after it has left. */
#ifndef LIVEPATCH_GUARD_H
#define LIVEPATCH_GUARD_H

#include <linux/elf.h>
#include <linux/livepatch.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

/* The Build-ID is a note among a module's constant data; where exactly the kernel forgets, until the module
 * is in sysfs. Notes are aligned to four bytes (gABI, "Note Section"). */
static bool
guard_is_build (const struct module *module, const u8 *note, unsigned long size)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
  const u8 *at = module->mem[MOD_RODATA].base, *end = at + module->mem[MOD_RODATA].size;
#else
  const u8 *at = module->core_layout.base + module->core_layout.text_size;
  const u8 *end = module->core_layout.base + module->core_layout.ro_size;
#endif

  for (; at + size <= end; at += 4)
    {
      unsigned long i = 0;

      while (i < size && at[i] == note[i])
        i++;
      if (i == size)
        return true;
    }
  return false;
}

#if defined(CONFIG_X86_64) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
/* Code is read-only where it is, so another page of the same memory is written to. Nobody runs it: it refers
 * to a module that isn't there. */
static bool
guard_zero (u8 *at, unsigned long size)
{
  while (size > 0)
    {
      unsigned long offset = offset_in_page (at), n = min (size, PAGE_SIZE - offset);
      struct page *page = vmalloc_to_page (at);
      u8 *alias = page != NULL ? vmap (&page, 1, VM_MAP, PAGE_KERNEL) : NULL;

      if (alias == NULL)
        return false;
      memset (alias + offset, 0, n);
      vunmap (alias);
      at += n;
      size -= n;
    }
  return true;
}

static bool
guard_forget_section (const struct klp_modinfo *info, const Elf64_Shdr *section)
{
  const Elf64_Rela *rela = (const Elf64_Rela *)section->sh_addr;
  u8 *target = (u8 *)info->sechdrs[section->sh_info].sh_addr;
  unsigned long i; /* kernels before 5.18 are written in C of 1989 */

  for (i = 0; i < section->sh_size / sizeof *rela; i++)
    {
      unsigned long type = ELF64_R_TYPE (rela[i].r_info);

      if (!guard_zero (target + rela[i].r_offset, type == R_X86_64_64 || type == R_X86_64_PC64 ? 8 : 4))
        return false;
    }
  return true;
}

/* Before Linux 6.3 (there: klp_clear_object_relocs()) the kernel leaves in the patch where a module's symbols
 * were when the module goes, and then takes those places for damaged when the module comes again: it could
 * not be loaded any more. @prefix: of the names of its relocation sections. */
static void
guard_forget (const struct module *going, const char *prefix)
{
  const struct klp_modinfo *info = THIS_MODULE->klp_info;
  unsigned int i;

  /* The patch is leaving, not the module: after a forced transition a task may still be in the new code. */
  if (going->state == MODULE_STATE_LIVE || info == NULL)
    return;
  for (i = 1; i < info->hdr.e_shnum; i++)
    {
      const Elf64_Shdr *section = &info->sechdrs[i];

      if ((section->sh_flags & SHF_RELA_LIVEPATCH) != 0
          && strncmp (info->secstrings + section->sh_name, prefix, strlen (prefix)) == 0
          && !guard_forget_section (info, section))
        pr_err ("%s: no memory: module %s can't be loaded again under this livepatch\n", THIS_MODULE->name,
                going->name);
    }
}
#else
static void
guard_forget (const struct module *going, const char *prefix)
{
}
#endif

#endif
