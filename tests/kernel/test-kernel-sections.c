/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every special section of a kernel object (docs/kernel-sections.md): which of its entries go along with a
 * replaced function, which are left to objtool, which are refused. Pairs of small objects, compiled here; no
 * kernel is needed. */
#include <string.h>

#include "base/error.h"
#include "object-pairs.h"

/* An entry about a place in code, as the kernel's assembler macros make them. */
#define MARK(section, flags, size)                                                                           \
  "asm volatile (\"771:\\n.pushsection " section ",\\\"" flags "\\\"\\n.long 771b - .\\n.skip " size         \
  "\\n.popsection\");"
/* One about a function, as its C macros make them. */
#define POINTER(section, function)                                                                           \
  "static void *about_" function " __attribute__((used, section (\"" section "\"))) = " function ";\n"

/* Both functions have an entry; the first one is replaced. */
typedef struct {
  const char *section;
  const char *statement; /* in each of them */
  const char *after;     /* both */
  guint64 size;          /* of what goes along, 0: nothing does */
} Table;

static const Table tables[] = {
  { "_kprobe_blacklist", "", POINTER ("_kprobe_blacklist", "first") POINTER ("_kprobe_blacklist", "second"),
    8 },
  { ".discard.unreachable", MARK (".discard.unreachable", "", "0"), "", 4 },
  { ".discard.annotate_insn", MARK (".discard.annotate_insn", "", "4"), "", 8 },
  { ".discard.retpoline_safe", MARK (".discard.retpoline_safe", "", "0"), "", 4 },
  { ".discard.instr_begin", MARK (".discard.instr_begin", "", "0"), "", 4 },
  { ".discard.instr_end", MARK (".discard.instr_end", "", "0"), "", 4 },
  { ".discard.unwind_hints", MARK (".discard.unwind_hints", "", "8"), "", 12 },
  { ".discard.ignore_alts", MARK (".discard.ignore_alts", "", "0"), "", 4 },
  { ".discard.intra_function_calls", MARK (".discard.intra_function_calls", "", "0"), "", 4 },
  { ".discard.noendbr", MARK (".discard.noendbr", "", "0"), "", 4 },
  { ".discard.validate_unret", MARK (".discard.validate_unret", "", "0"), "", 4 },
  { ".discard.func_stack_frame_non_standard", "",
    POINTER (".discard.func_stack_frame_non_standard", "first")
        POINTER (".discard.func_stack_frame_non_standard", "second"),
    8 },
  /* objtool makes these anew, or nobody needs them for new code. */
  { ".orc_unwind_ip", MARK (".orc_unwind_ip", "a", "0"), "", 0 },
  { ".orc_unwind", MARK (".orc_unwind", "a", "2"), "", 0 },
  { ".orc_header", MARK (".orc_header", "a", "0"), "", 0 },
  { ".static_call_sites", MARK (".static_call_sites", "aw", "4"), "", 0 },
  { ".return_sites", MARK (".return_sites", "a", "0"), "", 0 },
  { ".retpoline_sites", MARK (".retpoline_sites", "a", "0"), "", 0 },
  { ".call_sites", MARK (".call_sites", "a", "0"), "", 0 },
  { ".cfi_sites", MARK (".cfi_sites", "a", "0"), "", 0 },
  { ".ibt_endbr_seal", MARK (".ibt_endbr_seal", "a", "0"), "", 0 },
  { "_error_injection_whitelist", "",
    POINTER ("_error_injection_whitelist", "first") POINTER ("_error_injection_whitelist", "second"), 0 },
  { ".discard.addressable", "",
    POINTER (".discard.addressable", "first") POINTER (".discard.addressable", "second"), 0 },
  { ".discard.sym", MARK (".discard.sym", "", "0"), "", 0 },
};

/* Where each relocation of the section leads. */
static void
assert_about (LpElf *elf, const char *section, const char *function)
{
  guint n_sections, n;
  const LpElfSection *sections = lp_elf_sections (elf, &n_sections);
  const LpElfSymbol *symbols = lp_elf_symbols (elf, LP_ELF_SYMTAB, &n, NULL);
  g_autofree char *name = g_strconcat (".text.", function, NULL);
  GArray *relocations = lp_elf_relocations (elf, lp_elf_section_by_name (elf, section)->index, NULL);

  g_assert_cmpuint (relocations->len, ==, 1);
  const LpElfSymbol *to = &symbols[g_array_index (relocations, LpElfRelocation, 0).symbol];
  g_assert_cmpuint (to->shndx, !=, SHN_UNDEF);
  g_assert_cmpstr (sections[to->section].name, ==, name);
}

static void
test_table (gconstpointer data)
{
  const Table *table = data;
  g_autofree char *text
      = g_strdup_printf ("NOINLINE int first (int x) { %s out (\"a\", x + FIX); return in (); }\n#undef "
                         "FUNCTION\n"
                         "NOINLINE int second (int x) { %s out (\"b\", x); return in (); }\n%s",
                         table->statement, table->statement, table->after);
  g_autoptr (Pair) pair = pair_new (text);
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);

  g_assert_nonnull (lp_elf_section_by_name (pair->patched, table->section));
  g_assert_null (lp_elf_section_by_name (elf, ".text.second"));
  g_assert_cmpuint (count_relocations (pair->patched, table->section), ==, 2);
  const LpElfSection *section = lp_elf_section_by_name (elf, table->section);
  if (table->size == 0)
    {
      g_assert_null (section);
      return;
    }
  g_assert_nonnull (section);
  g_assert_cmpuint (section->size, ==, table->size);
  assert_about (elf, table->section, "first");
}

/* What it says about new code is needed, but nobody here knows what it means. */
static void
test_unknown_table (void)
{
  g_autoptr (Pair) about_first
      = pair_new ("NOINLINE int first (int x) { " MARK (".strange_sites", "a",
                                                        "0") " out (\"a\", x + FIX); return in (); "
                                                             "}\n");
  g_autoptr (Pair) about_second
      = pair_new ("NOINLINE int first (int x) { out (\"a\", x + FIX); return in (); }\n"
                  "NOINLINE int second (int x) { " MARK (".strange_sites", "a",
                                                         "0") " out (\"b\", x); return in (); }\n");

  g_assert_error (about_first->error, LP_ERROR, LP_ERROR_REFUSED);
  g_assert_nonnull (strstr (about_first->error->message, ".strange_sites"));
  g_assert_no_error (about_second->error);
}

/* What a fix adds to a section that the kernel reads once, when it starts or loads the module. */
typedef struct {
  const char *section;
  const char *text; /* of the fix */
} Registered;

#define OBJECT(name, section) "int " name " __attribute__((used, section (\"" section "\"))) = 1;\n"
static const Registered registered[] = {
  { "__tracepoints", OBJECT ("__tracepoint_mine", "__tracepoints") },
  { "__tracepoints_ptrs", OBJECT ("__tracepoint_ptr_mine", "__tracepoints_ptrs") },
  { "__tracepoints_strings", OBJECT ("__tpstrtab_mine", "__tracepoints_strings") },
  { "__bpf_raw_tp_map", OBJECT ("__bpf_trace_tp_map_mine", "__bpf_raw_tp_map") },
  { "_ftrace_events", OBJECT ("__event_mine", "_ftrace_events") },
  { "_ftrace_eval_map", OBJECT ("__eval_mine", "_ftrace_eval_map") },
  { "__trace_printk_fmt", OBJECT ("trace_printk_fmt", "__trace_printk_fmt") },
  { "__param", OBJECT ("__param_mine", "__param") },
  { "__modver", OBJECT ("__modver_mine", "__modver") },
  { ".modinfo", OBJECT ("__UNIQUE_ID_mine1", ".modinfo") },
  { ".static_call_tramp_key", OBJECT ("__static_call_tramp_key_mine", ".static_call_tramp_key") },
  { "___srcu_struct_ptrs", OBJECT ("mine_ptr", "___srcu_struct_ptrs") },
  { "__dyndbg_classes", OBJECT ("classes", "__dyndbg_classes") },
  { ".BTF_ids", OBJECT ("__BTF_ID__func__mine__7", ".BTF_ids") },
  { ".kunit_test_suites", OBJECT ("suites", ".kunit_test_suites") },
  { ".initcall6.init", OBJECT ("__initcall__mine", ".initcall6.init") },
  { ".init.setup", OBJECT ("__setup_mine", ".init.setup") },
  { ".init.data", OBJECT ("early", ".init.data") },
  { ".export_symbol",
    "asm (\".section .export_symbol,\\\"a\\\"\\n__export_symbol_first: .asciz \\\"\\\"\\n.balign 8\\n"
    ".quad first\\n.previous\");\n" },
  { "__ksymtab",
    "asm (\".section ___ksymtab+first,\\\"a\\\"\\n__ksymtab_first: .long first - .\\n.previous\");\n" },
};

static void
test_registered (gconstpointer data)
{
  const Registered *what = data;
  g_autofree char *text = g_strconcat ("int first (int x) { out (\"a\", x + FIX); return in (); }\n#if FIX\n",
                                       what->text, "#endif\n", NULL);
  g_autofree char *stays
      = g_strconcat ("int first (int x) { out (\"a\", x + FIX); return in (); }\n", what->text, NULL);
  g_autoptr (Pair) pair = pair_new (text);
  g_autoptr (Pair) there_before = pair_new (stays);

  g_assert_error (pair->error, LP_ERROR, LP_ERROR_REFUSED);
  if (strstr (pair->error->message, what->section) == NULL
      && strstr (pair->error->message, "exports first") == NULL)
    g_test_fail_printf ("%s", pair->error->message);
  g_assert_nonnull (strstr (pair->error->message, "drivers/file.c"));
  g_assert_no_error (there_before->error);
}

static gboolean
needs (const LpKernelExtract *result, const char *name)
{
  return g_hash_table_contains (result->needs, name);
}

/* The loader knows one section of per-cpu variables; those for code that is built in have several. */
static void
test_per_cpu (void)
{
  g_autoptr (Pair) pair = pair_new (
      "#define PER_CPU(part) __attribute__((section (\".data..percpu\" part)))\n"
      "PER_CPU (\"\") int there = 1; PER_CPU (\"..shared_aligned\") static int hidden = 1;\n"
      "#if FIX\nPER_CPU (\"\") static int plain; PER_CPU (\"..shared_aligned\") static int apart; PER_CPU "
      "(\"..read_mostly\") static int mostly;\n#define NEW out (\"new\", plain++ + apart++ + mostly++)\n"
      "#else\n#define NEW\n#endif\n"
      "int second (void) { return hidden++; }\n"
      "NOINLINE int first (int x) { NEW; out (\"a\", there++ + hidden); return in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);
  guint n;
  const LpElfSection *sections = lp_elf_sections (elf, &n);

  g_assert_true (needs (result, "there"));
  g_assert_true (needs (result, "hidden"));
  g_assert_cmpuint (lp_elf_section_by_name (elf, ".data..percpu")->size, ==, 12);
  for (guint i = 1; i < n; i++)
    g_assert_false (g_str_has_prefix (sections[i].name, ".data..percpu."));
}

/* As trace_hook(): its key in the tracepoint is read, and its static call made. */
static void
test_tracepoint_is_used (void)
{
  g_autoptr (Pair) pair = pair_new ("extern struct { const char *name; long key; } __tracepoint_hook; extern "
                                    "int __SCT__tp_func_hook (int), "
                                    "__SCK__tp_func_hook;\n"
                                    "static void *addressable __attribute__((used, section "
                                    "(\".discard.addressable\"))) = &__SCK__tp_func_hook;\n"
                                    "#undef BRANCH\n#define BRANCH asm goto (\"1: .byte 0x0f, 0x1f, 0x44, 0, "
                                    "0\\n.pushsection __jump_table,\\\"aw\\\"\\n"
                                    ".balign 8\\n.long 1b - .\\n.long %l[yes] - .\\n.quad __tracepoint_hook "
                                    "+ 8 - .\\n.popsection\" :::: yes)\n"
                                    "NOINLINE int first (int x) { BRANCH; out (\"a\", FIX); return in (); "
                                    "yes: return __SCT__tp_func_hook (x) + 1; }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);
  const LpElfSection *table = lp_elf_section_by_name (elf, "__jump_table");
  GArray *relocations = lp_elf_relocations (elf, table->index, NULL);

  g_assert_true (needs (result, "__tracepoint_hook"));
  g_assert_true (needs (result, "__SCT__tp_func_hook"));
  g_assert_true (needs (result, "__SCK__tp_func_hook"));
  g_assert_cmpuint (relocations->len, ==, 3);
  g_assert_cmpint (g_array_index (relocations, LpElfRelocation, 2).addend, ==, 8);
}

/* As printk(): a record with its line, which moves, and a pointer to it in .printk_index. */
static void
test_printk_index (void)
{
  g_autoptr (Pair) pair
      = pair_new ("struct entry { const char *text; unsigned int line; };\n#if FIX\n\n#endif\n"
                  "#define PRINTK(text) do { static const struct entry _entry __attribute__((used)) = { "
                  "text, __LINE__ };\\\n"
                  "  static const struct entry *_entry_ptr __attribute__((used, section "
                  "(\".printk_index\"))) = &_entry; out (text, 0); } "
                  "while (0)\n"
                  "NOINLINE int first (int x) { if (FIX) PRINTK (\"new\"); return in (); }\n"
                  "NOINLINE int second (int x) {\n PRINTK (\"old\"); return in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);

  g_assert_null (lp_elf_section_by_name (elf, ".printk_index"));
}

/* One record, whose line alone moves. */
static void
test_printk_index_of_one (void)
{
  g_autoptr (Pair) pair = pair_new ("struct entry { const char *text; unsigned int line; };\n#if "
                                    "FIX\n#define LINE 8\n#else\n#define LINE 7\n#endif\n"
                                    "NOINLINE int first (int x) { static const struct entry _entry "
                                    "__attribute__((used)) = { \"t\", LINE };\n"
                                    "  static const struct entry *_entry_ptr __attribute__((used, section "
                                    "(\".printk_index\"))) = &_entry;\n"
                                    "  out (\"t\", x + FIX); return in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf G_GNUC_UNUSED = extract (pair, "first", &result);
}

/* As pr_warn_once(); the section's name got a second dot in Linux 6.13. */
static void
test_once_flags (gconstpointer section)
{
  g_autofree char *text = g_strdup_printf (
      "#define ONCE static char __already_done __attribute__((section (\"%s\")));"
      " if (__builtin_expect (in (), 0) && !__already_done) { __already_done = 1; out (\"once\", 0); }\n"
      "NOINLINE void first (void) { if (FIX) { ONCE } out (\"first\", 0); }\n"
      "static inline __attribute__((always_inline)) void inlined (void) { ONCE }\n"
      "NOINLINE void second (void) { { ONCE } inlined (); out (\"second\", 0); }\n"
      "NOINLINE void third (void) { inlined (); { ONCE } out (\"third\", 0); }\n",
      (const char *)section);
  g_autoptr (Pair) pair = pair_new (text);
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);

  g_assert_cmpuint (lp_elf_section_by_name (elf, section)->size, ==, 1);
}

/* The tables of a switch hold places inside the function: its copy brings one about itself. */
static void
test_switch_tables (void)
{
  g_autoptr (Pair) pair
      = pair_new_with ("#define CASES switch (x) { case 0: out (\"0\", 1); break; case 1: out (\"1\", in "
                       "()); break; case 2: in (); break;\\\n"
                       "  case 3: out (\"3\", 7); break; case 4: key++; break; case 5: out (\"5\", key); "
                       "break; case 6: key = in (); break; }\n"
                       "NOINLINE int first (int x) { CASES out (\"a\", x + FIX); return in (); }\n"
                       "NOINLINE int second (int x) { CASES out (\"b\", x); return in (); }\n",
                       "-fjump-tables");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);
  guint n, n_tables = 0;
  const LpElfSection *sections = lp_elf_sections (elf, &n);

  for (guint i = 1; i < n; i++)
    {
      GArray *relocations = lp_elf_relocations (elf, i, NULL);
      if (!g_str_has_prefix (sections[i].name, ".rodata") || relocations == NULL || relocations->len == 0)
        continue;
      n_tables++;
      g_assert_cmpuint (relocations->len, >=, 7);
    }
  g_assert_cmpuint (n_tables, ==, 1);
  g_assert_false (needs (result, "first"));
}

/* Functions of one section whose code without a name jumps back: each relocation is against the section. */
static void
test_aux_code_of_one_section (void)
{
  g_autoptr (Pair) pair = pair_new (
      "SCHED NOINLINE int zero (int x) { out (\"z\", x); out (\"y\", x); return in (); }\n"
      "SCHED NOINLINE int first (int x) { AUX; yes: out (\"a\", x + FIX); return 1; no: return in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);

  g_assert_false (needs (result, "zero"));
  g_assert_false (needs (result, "first"));
  g_assert_cmpuint (count_relocations (elf, ".altinstr_aux"), ==, 3);
}

/* A call in replacement code counts from its end, also when it names a section. */
static void
test_replacement_calls_one_of_several (void)
{
  g_autoptr (Pair) pair = pair_new (
      "static SCHED NOINLINE __attribute__((used)) int zero (int x) { out (\"z\", x); return in (); }\n"
      "static SCHED NOINLINE __attribute__((used)) int other (int x) { out (\"o\", x); return in (); }\n"
      "SCHED NOINLINE int first (int x) { ALTERNATIVE (3); out (\"a\", x + FIX); return in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf G_GNUC_UNUSED = extract (pair, "first", &result);

  g_assert_false (needs (result, "zero"));
  g_assert_true (needs (result, "other"));
}

/* As CALL_NOSPEC: objtool must be told that the indirect call of the replacement is safe. */
static void
test_entries_about_replacement_code (void)
{
  g_autoptr (Pair) pair
      = pair_new ("#define CALL asm volatile (\"1: nop; nop; nop; nop; nop\\n2:\\n.pushsection "
                  ".altinstructions,\\\"a\\\"\\n.long 1b - .\\n\"\\\n"
                  "  \".long 3f - .\\n.word 7\\n.byte 2b - 1b\\n.byte 4f - 3f\\n.popsection\\n.pushsection "
                  ".altinstr_replacement,\\\"ax\\\"\\n\"\\\n"
                  "  \"3: lfence\\n5: .pushsection .discard.retpoline_safe\\n.long 5b - "
                  ".\\n.popsection\\ncall *key\\n4:\\n.popsection\")\n"
                  "NOINLINE int zero (int x) { CALL; out (\"z\", x); return in (); }\n"
                  "NOINLINE int first (int x) { CALL; out (\"a\", x + FIX); return in (); }\n"
                  "NOINLINE int second (int x) { CALL; out (\"b\", x); return in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);
  const LpElfSection *safe = lp_elf_section_by_name (elf, ".discard.retpoline_safe");
  const LpElfSection *replacement = lp_elf_section_by_name (elf, ".altinstr_replacement");

  g_assert_nonnull (safe);
  g_assert_cmpuint (safe->size, ==, 4);
  g_assert_cmpuint (replacement->size * 3, ==,
                    lp_elf_section_by_name (pair->patched, ".altinstr_replacement")->size);
  GArray *relocations = lp_elf_relocations (elf, safe->index, NULL);
  const LpElfRelocation *r = &g_array_index (relocations, LpElfRelocation, 0);
  guint n;
  const LpElfSymbol *to = &lp_elf_symbols (elf, LP_ELF_SYMTAB, &n, NULL)[r->symbol];
  g_assert_cmpuint (relocations->len, ==, 1);
  g_assert_cmpuint (to->section, ==, replacement->index);
  g_assert_cmpint (r->addend, ==, 3); /* behind the lfence */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    {
      g_autofree char *name
          = g_strdup_printf ("/kernel sections/%s: %s", tables[i].section,
                             tables[i].size > 0 ? "the entry about a replaced function goes along"
                                                : "no entry goes along");
      g_test_add_data_func (name, &tables[i], test_table);
    }
  for (guint i = 0; i < G_N_ELEMENTS (registered); i++)
    {
      g_autofree char *name
          = g_strdup_printf ("/kernel sections/%s: a new entry is refused", registered[i].section);
      g_test_add_data_func (name, &registered[i], test_registered);
    }
  g_test_add_func ("/kernel sections/a table that nobody knows is refused when it is about new code",
                   test_unknown_table);
  g_test_add_func ("/kernel sections/.data..percpu: new variables go along, in one section", test_per_cpu);
  g_test_add_func ("/kernel sections/__tracepoints: one that is there is used", test_tracepoint_is_used);
  g_test_add_func ("/kernel sections/.printk_index: lines that move are no change", test_printk_index);
  g_test_add_func ("/kernel sections/.printk_index: the line of one record is no change",
                   test_printk_index_of_one);
  g_test_add_data_func ("/kernel sections/.data.once: a new flag goes along", ".data.once", test_once_flags);
  g_test_add_data_func ("/kernel sections/.data..once: a new flag goes along", ".data..once",
                        test_once_flags);
  g_test_add_func ("/kernel sections/.rodata: a table of a switch goes along with its function",
                   test_switch_tables);
  g_test_add_func ("/kernel sections/.altinstr_aux: code of a section with several functions",
                   test_aux_code_of_one_section);
  g_test_add_func ("/kernel sections/.altinstr_replacement: a call of one of several functions",
                   test_replacement_calls_one_of_several);
  g_test_add_func ("/kernel sections/.altinstr_replacement: entries about its code go along with it",
                   test_entries_about_replacement_code);
  return g_test_run ();
}
