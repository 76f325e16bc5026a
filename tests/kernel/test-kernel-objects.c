/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pairs of small kernel objects, compiled here: what of them would go into a livepatch module, special
 * section by special section, and what is refused. No kernel is needed. */
#include <string.h>

#include "base/error.h"
#include "object-pairs.h"
#include "kernel/module-convert.h"
#include "kernel/resolve.h"

/* What stands in both functions, of which only the first one changes; entries of one, and of its section. */
typedef struct {
  const char *section;
  const char *statement;
  guint64 size;
  guint relocations;
} Special;

static const Special specials[] = {
  { "__mcount_loc", "", 8, 1 },
  { "__bug_table", "BUG (7);", 12, 2 },
  { ".altinstructions", "ALTERNATIVE (3);", 12, 2 },
  { "__jump_table", "BRANCH; if (0) yes: out (\"yes\", 0);", 16, 3 },
  { ".smp_locks", "LOCK;", 4, 1 },
  { "__ex_table", "ACCESS;", 12, 2 },
  { ".parainstructions", "PARAVIRT;", 10, 1 },
  { ".discard.reachable", "UNREACHABLE;", 4, 1 },
};

static void
test_special (gconstpointer data)
{
  const Special *special = data;
  g_autofree char *text
      = g_strdup_printf ("NOINLINE int first (int x) { %s out (\"a\", x + FIX); return in (); }\n"
                         "NOINLINE int second (int x) { %s out (\"b\", x); return in (); }\n",
                         special->statement, special->statement);
  g_autoptr (Pair) pair = pair_new (text);
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);
  const LpElfSection *section = lp_elf_section_by_name (elf, special->section);
  GArray *old = lp_elf_relocations (pair->patched,
                                    lp_elf_section_by_name (pair->patched, special->section)->index, NULL);

  g_assert_cmpuint (old->len, ==, 2 * special->relocations); /* both functions have one */
  g_assert_nonnull (section);
  g_assert_cmpuint (section->size, ==, special->size);
  g_assert_cmpuint (count_relocations (elf, special->section), ==, special->relocations);
  g_assert_null (lp_elf_section_by_name (elf, ".text.second"));
  g_assert_nonnull (lp_elf_section_by_name (elf, ".text.first"));
}

static void
test_replacement_goes_along (void)
{
  g_autoptr (Pair) pair
      = pair_new ("void other (void); NOINLINE int first (int x) { ALTERNATIVE (3); out (\"a\", x + FIX); "
                  "return in (); }\n"
                  "NOINLINE int second (int x) { ALTERNATIVE (4); out (\"b\", x); return in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);

  g_assert_cmpuint (lp_elf_section_by_name (elf, ".altinstr_replacement")->size, ==, 5);
  g_assert_cmpuint (count_relocations (elf, ".altinstr_replacement"), ==, 1);
  g_assert_true (g_hash_table_contains (result->needs, "other"));
}

/* Code without a name that a function jumps to, and that jumps back: into the new function. */
static void
test_aux_code_jumps_back_into_the_new_function (void)
{
  static const char text[]
      = "NOINLINE int first (int x) { AUX; yes: out (\"a\", x + FIX); return 1; no: return in (); }\n"
        "NOINLINE int second (int x) { AUX; yes: out (\"b\", x); return 1; no: return in (); }\n";
  g_autoptr (Pair) pair = pair_new (text);
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);
  const LpElfSection *aux = lp_elf_section_by_name (elf, ".altinstr_aux");

  g_assert_nonnull (aux);
  g_assert_cmpuint (aux->size * 2, ==, lp_elf_section_by_name (pair->patched, ".altinstr_aux")->size);
  g_assert_false (g_hash_table_contains (result->needs, "syscare.old.first"));
  g_assert_false (g_hash_table_contains (result->needs, "first"));
}

static void
test_change_in_a_table_only (void)
{
  g_autoptr (Pair) pair = pair_new ("NOINLINE int first (int x) { ALTERNATIVE (3 + FIX); return in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);

  g_assert_nonnull (elf);
}

static void
test_line_of_a_warning_is_no_change (void)
{
  g_autoptr (Pair) pair = pair_new ("NOINLINE int first (int x) { BUG (7 + FIX); return in (); }\n");

  g_assert_no_error (pair->error);
  g_assert_cmpuint (pair->unit->replaced->len, ==, 0);
}

/* Hazard 50: the warning makes GCC move code to .text.unlikely. */
static void
test_cold_code (void)
{
  g_autoptr (Pair) pair = pair_new ("__attribute__((cold)) void warn (int);\n"
                                    "NOINLINE int first (int x) { if (FIX && x < 0) { warn (x); out "
                                    "(\"cold\", x); } out (\"a\", x); return in (); }\n"
                                    "int second (int x) { out (\"b\", x); return first (x); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);

  g_assert_nonnull (lp_elf_section_by_name (elf, ".text.unlikely.first"));
  g_assert_null (lp_elf_section_by_name (elf, ".text.second"));
}

static void
test_calls_of_replaced_functions_go_to_the_original (void)
{
  g_autoptr (Pair) pair = pair_new (
      "NOINLINE static int helper (int x) { out (\"h\", x); return in (); }\n"
      "int first (int x) { return x == FIX ? 0 : helper (x) + first (x + FIX + in ()) * in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);

  g_assert_true (g_hash_table_contains (result->needs, "helper"));
  g_assert_null (lp_elf_section_by_name (elf, ".text.helper"));
  const LpKernelNeed *need = g_hash_table_lookup (result->needs, "helper");
  g_assert_nonnull (need->old);
}

/* Functions of one section call each other without a relocation. */
static void
test_functions_of_one_section (void)
{
  g_autoptr (Pair) pair
      = pair_new ("static SCHED NOINLINE int helper (int x) { out (\"h\", x); return in (); }\n"
                  "SCHED NOINLINE int first (int x) { out (\"a\", x + FIX); return helper (x) + 1; }\n"
                  "SCHED NOINLINE int third (int x) { out (\"c\", x); return helper (x) + 2; }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);

  g_assert_true (g_hash_table_contains (result->needs, "helper"));
  g_assert_nonnull (lp_elf_section_by_name (elf, ".text.first"));
}

static void
test_new_data (void)
{
  g_autoptr (Pair) pair
      = pair_new ("#if FIX\nstatic int counter; static const char *const words[] = { \"one\", \"two\" };\n"
                  "NOINLINE static int helper (int x) { static int calls = 5; counter++; out (words[x & 1], "
                  "calls++); return x; }\n"
                  "#else\nstatic int helper (int x) { return x; }\n#endif\n"
                  "static int kept = 3; int second (void) { return kept++; }\n"
                  "NOINLINE int first (int x) { out (\"a\", kept); return helper (x) + in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);

  g_assert_nonnull (lp_elf_section_by_name (elf, ".bss.counter"));
  g_assert_nonnull (lp_elf_section_by_name (elf, ".text.helper"));
  g_assert_true (
      g_hash_table_contains (result->needs, "kept")); /* the old one: a copy would lose its value */
  g_assert_null (lp_elf_section_by_name (elf, ".data.kept"));
}

/* As static_call() has it, which names the key so that objtool finds it. */
static void
test_static_call_brings_its_key (void)
{
  g_autoptr (Pair) pair
      = pair_new ("extern int __SCT__hook (int); extern int __SCK__hook;\n"
                  "static void *addressable __attribute__((used, section(\".discard.addressable\"))) = "
                  "&__SCK__hook;\n"
                  "NOINLINE int first (int x) { out (\"a\", FIX); return __SCT__hook (x) + 1; }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf G_GNUC_UNUSED = extract (pair, "first", &result);

  g_assert_true (g_hash_table_contains (result->needs, "__SCT__hook"));
  g_assert_true (g_hash_table_contains (result->needs, "__SCK__hook"));
}

/* As in a module, which is given the trampoline alone. */
static void
test_static_call_without_a_key (void)
{
  g_autoptr (Pair) pair = pair_new ("extern int __SCT__hook (int); NOINLINE int first (int x) { out (\"a\", "
                                    "FIX); return __SCT__hook (x) + 1; }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf G_GNUC_UNUSED = extract (pair, "first", &result);

  g_assert_true (g_hash_table_contains (result->needs, "__SCT__hook"));
  g_assert_false (g_hash_table_contains (result->needs, "__SCK__hook"));
}

/* As the body of a large system call, which the kernel's "inline" makes notrace. */
static void
test_callers_of_a_function_without_fentry (void)
{
  g_autoptr (Pair) pair
      = pair_new ("static NOTRACE NOINLINE int body (int x) { out (\"a\", x + FIX); return in (); }\n"
                  "NOINLINE int first (int x) { return body (x) + 1; }\n"
                  "NOINLINE int second (int x) { return body (x) + 2; }\n"
                  "NOINLINE int third (int x) { return first (x) + 3; }\n");
  g_autoptr (LpKernelExtract) result = NULL;

  g_assert_no_error (pair->error);
  g_assert_cmpuint (pair->unit->replaced->len, ==, 2);
  g_assert_cmpstr (((LpPiece *)pair->unit->replaced->pdata[0])->name, ==, "first");
  g_assert_cmpstr (((LpPiece *)pair->unit->replaced->pdata[1])->name, ==, "second");
  result = lp_kernel_extract (pair->unit, &pair->error);
  g_assert_no_error (pair->error);
  g_autoptr (LpElf) elf = lp_elf_new (result->object, "drivers/file.c", &pair->error);
  g_assert_no_error (pair->error);
  g_assert_nonnull (lp_elf_section_by_name (elf, ".text.body"));
  g_assert_false (g_hash_table_contains (result->needs, "body")); /* the new callers call the new one */
}

/* pr_warn_once() in a function that is inlined has many users; the fix's own flag shares one of them, but is
 * none of the old ones (seen with do_sched_yield, where __schedule was taken for changed). */
static void
test_flag_of_many_users (void)
{
  g_autoptr (Pair) pair = pair_new (
      "#define ONCE static char __already_done __attribute__((section(\".data.once\")));"
      " if (__builtin_expect (in (), 0) && !__already_done) { __already_done = 1; out (\"once\", 0); }\n"
      "#if FIX\n#define OURS do { ONCE } while (0)\n#else\n#define OURS do { } while (0)\n#endif\n"
      "static inline __attribute__((always_inline)) void inlined (void) { ONCE }\n"
      "NOINLINE void first (void) { OURS; inlined (); out (\"first\", 0); }\n"
      "NOINLINE void second (void) { { ONCE } inlined (); out (\"second\", 0); }\n"
      "NOINLINE void third (void) { inlined (); { ONCE } out (\"third\", 0); }\n");

  g_assert_no_error (pair->error);
  g_assert_cmpuint (pair->unit->replaced->len, ==, 1);
  g_assert_cmpstr (((LpPiece *)pair->unit->replaced->pdata[0])->name, ==, "first");
}

static void
test_callbacks (void)
{
  g_autoptr (Pair) pair
      = pair_new ("NOINLINE int first (int x) { out (\"a\", x + FIX); return in (); }\n"
                  "#if FIX\nstatic int before (void *object) { out (\"before\", 0); return 0; }\n"
                  "static void *use __attribute__((used, section(\".syscare.callbacks.pre_patch\"))) = "
                  "before;\n#endif\n");

  g_assert_no_error (pair->error);
  g_assert_nonnull (pair->unit->callbacks[LP_CALLBACK_PRE_PATCH]);
  g_assert_cmpstr (pair->unit->callbacks[LP_CALLBACK_PRE_PATCH]->name, ==, "before");
  g_assert_null (pair->unit->callbacks[LP_CALLBACK_POST_PATCH]);
}

/* What is refused, and a word of the reason. */
typedef struct {
  const char *name;
  const char *text;
  const char *reason;
} Refusal;

static const Refusal refusals[] = {
  { "init code", "INIT int start (int x) { out (\"a\", x + FIX); return in (); }\n", "init code" },
  { "exit code",
    "__attribute__((section(\".exit.text\"))) void stop (int x) { out (\"a\", x + FIX); in (); }\n",
    "exit code" },
  { "a changed initial value", "int value = 1 + FIX; int first (void) { return value; }\n", "initial value" },
  { "a changed size",
    "struct { int a;\n#if FIX\nint b;\n#endif\n} value = { 1 }; int first (void) { return value.a; }\n",
    "size from 4 to 8" },
  { "a function without fentry", "NOTRACE int first (int x) { out (\"a\", x + FIX); return in (); }\n",
    "without fentry" },
  { "a function without fentry whose address is taken",
    "static NOTRACE NOINLINE int body (int x) { out (\"a\", x + FIX); return in (); }\n"
    "int (*pointer) (int) = body; int first (int x) { return pointer (x) + body (x); }\n",
    "without fentry" },
  { "a function without fentry in a section of its own",
    "__attribute__((section(\".noinstr.text\"))) static NOTRACE NOINLINE int body (int x) { out (\"a\", x + "
    "FIX); "
    "return in (); }\n"
    "int first (int x) { return body (x) + 1; }\n",
    "without fentry" },
  { "a file without fentry",
    "static NOTRACE NOINLINE int body (int x) { out (\"a\", x + FIX); return in (); }\n"
    "NOTRACE int first (int x) { return body (x) + 1; }\n",
    "compiles this whole file without fentry" },
  { "a new parameter",
    "#if FIX\nstatic const int *const parameter __attribute__((used, section(\"__param\"))) = &key;\n#endif\n"
    "int first (int x) { out (\"a\", x + FIX); return in (); }\n",
    "section __param" },
  { "a new export",
    "#if FIX\nasm (\".section \\\"___ksymtab+first\\\",\\\"a\\\"\\n__ksymtab_first: .long first - "
    ".\\n.previous\");\n#endif\n"
    "int first (int x) { out (\"a\", x + FIX); return in (); }\n",
    "exports first" },
  { "a use of init data",
    "static int early __attribute__((section(\".init.data\"))) = 1;\n"
    "INIT int start (void) { return early++; }\n int first (int x) { out (\"a\", x); return FIX ? early : in "
    "(); }\n",
    "init code or data" },
  { "a call of init code",
    "static INIT NOINLINE int start (int x) { out (\"s\", x); return in (); }\n"
    "INIT int boot (void) { return start (in ()); }\n"
    "int first (int x) { out (\"a\", x); return FIX ? start (x) : in (); }\n",
    "init code or data" },
  { "a call of init code that the fix adds",
    "#if FIX\nstatic INIT NOINLINE int start (int x) { out (\"s\", x); return in (); }\n#else\n#define "
    "start(x) in ()\n"
    "#endif\nint first (int x) { out (\"a\", x); return start (x); }\n",
    "of section .init.text in code that stays" },
  { "a function without fentry that only init code calls",
    "static NOTRACE NOINLINE int body (int x) { out (\"a\", x + FIX); return in (); }\n"
    "INIT int boot (void) { return body (in ()); }\nint first (int x) { out (\"f\", x); return in (); }\n",
    "what only init code calls" },
  { "a new initcall",
    "#if FIX\nstatic void *call __attribute__((used, section(\".initcall6.init\"))) = out;\n#endif\n"
    "int first (int x) { out (\"a\", x + FIX); return in (); }\n",
    ".initcall6.init" },
  { "a table of unknown layout",
    "asm (\".section __bug_table,\\\"aw\\\"\\n.long 1f - .\\n.long 1f - .\\n.skip 40\\n.previous\\n1: "
    "nop\");\n"
    "int first (int x) { out (\"a\", x + FIX); return in (); }\n",
    "__bug_table" },
};

static void
test_refusal (gconstpointer data)
{
  const Refusal *refusal = data;
  g_autoptr (Pair) pair = pair_new (refusal->text);

  g_assert_error (pair->error, LP_ERROR, LP_ERROR_REFUSED);
  if (strstr (pair->error->message, refusal->reason) == NULL)
    g_test_fail_printf ("%s", pair->error->message);
  g_assert_nonnull (strstr (pair->error->message, "drivers/file.c"));
}

/* Hazard 1: two files of a module have a static helper. */
static const char unit_a[] = "static NOINLINE int helper (int x) { out (\"a\", x); return in (); }\n"
                             "int first (int x) { return helper (x) + 1; }\n";
static const char unit_b[]
    = "static NOINLINE int helper (int x) { out (\"b\", x); return in () * 3; }\n"
      "static NOINLINE int another (int x) { out (\"b2\", x); return in () * 5; }\n"
      "int second (int x) { out (\"s\", FIX); return helper (x) + another (x) + 1; }\n";

typedef struct {
  char *folder;
  LpElf *module;
  LpElf *baseline; /* of unit b */
  LpShipped *shipped;
} Shipped;

static Shipped *
shipped_new (void)
{
  Shipped *s = g_new0 (Shipped, 1);
  g_autoptr (GError) error = NULL;

  s->folder = g_dir_make_tmp ("kernel-objects-XXXXXX", NULL);
  g_autofree char *a = compile (s->folder, "a", unit_a, FALSE, FALSE);
  g_autofree char *b = compile (s->folder, "b", unit_b, FALSE, FALSE);
  g_autofree char *module = g_build_filename (s->folder, "module.ko", NULL);
  const char *const link[] = { "ld", "-r", "-o", module, a, b, NULL };
  run (link);
  s->module = open_object (module);
  s->baseline = open_object (b);
  s->shipped = lp_shipped_new (s->module, "module", &error);
  g_assert_no_error (error);
  return s;
}

static void
shipped_free (Shipped *s)
{
  lp_shipped_free (s->shipped);
  lp_elf_unref (s->module);
  lp_elf_unref (s->baseline);
  remove_folder (s->folder);
  g_free (s->folder);
  g_free (s);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Shipped, shipped_free)

static void
test_proof (void)
{
  g_autoptr (Shipped) s = shipped_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (LpShippedProof) proof = lp_shipped_proof_new (s->shipped, s->baseline, "b.c", &error);
  guint position;

  g_assert_no_error (error);
  g_assert_true (lp_shipped_proof_function (proof, "second", &error));
  g_assert_true (lp_shipped_proof_function (proof, "helper", &error));
  g_assert_no_error (error);
  g_assert_cmpuint (proof->functions, ==, 2);
  const LpElfSymbol *helper = lp_shipped_proof_locate (proof, "helper", &error);
  g_assert_no_error (error);
  g_assert_true (lp_shipped_position (s->shipped, helper, &position, &error));
  g_assert_cmpuint (position, ==, 2); /* the second one of that name */
}

/* Any flipped bit of a function that is relied on is found. */
static void
test_every_difference_is_found (void)
{
  g_autoptr (Shipped) s = shipped_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (LpShippedProof) where = lp_shipped_proof_new (s->shipped, s->baseline, "b.c", &error);
  const LpElfSymbol *second = lp_shipped_proof_locate (where, "second", &error);
  gsize size;
  const guint8 *bytes = g_bytes_get_data (lp_elf_bytes (s->module), &size);
  const LpElfSection *sections = lp_elf_sections (s->module, &(guint){ 0 });
  guint64 start = sections[second->section].offset + second->value;
  guint found = 0, masked = 0;

  for (guint64 i = 0; i < second->size; i++)
    {
      g_autofree guint8 *copy = g_memdup2 (bytes, size);
      copy[start + i] ^= 1;
      g_autoptr (GBytes) damaged = g_bytes_new (copy, size);
      g_autoptr (LpElf) elf = lp_elf_new (damaged, "damaged", NULL);
      g_autoptr (LpShipped) shipped = lp_shipped_new (elf, "module", NULL);
      g_autoptr (LpShippedProof) proof = lp_shipped_proof_new (shipped, s->baseline, "b.c", NULL);
      g_autoptr (GError) local = NULL;
      gboolean equal = lp_shipped_proof_function (proof, "second", &local);
      g_assert_true (equal || g_error_matches (local, LP_ERROR, LP_ERROR_TARGET_MISMATCH));
      found += !equal;
      masked += equal;
    }
  /* The bytes that a relocation overwrites (4 a reference) don't count. */
  g_assert_cmpuint (found, >, 10);
  g_assert_cmpuint (masked % 4, ==, 0);
  g_assert_cmpuint (masked, <=, 4 * where->relocations + 4 * 8);
}

static gboolean
holds (GBytes *bytes, const char *text)
{
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);

  return memmem (data, size, text, strlen (text)) != NULL;
}

/* From a pair to what the kernel is told: positions, exports, the object that applies it. */
static void
test_references (void)
{
  g_autoptr (Shipped) s = shipped_new ();
  g_autoptr (Pair) pair = pair_new (unit_b);
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "second", &result);
  g_autoptr (GError) error = NULL;
  g_autoptr (LpShippedProof) proof = lp_shipped_proof_new (s->shipped, s->baseline, "b.c", &error);
  g_autoptr (LpKernelExports) exports = lp_kernel_exports_new (
      "0x1\tout\tvmlinux\tEXPORT_SYMBOL_GPL\tSPACE\n0x2\tin\tdrivers/o-ther\tEXPORT_SYMBOL\t\n"
      "0x3\t__fentry__\tvmlinux\tEXPORT_SYMBOL\t\n");
  g_autoptr (GHashTable) made = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) spaces = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) aliases = g_hash_table_new (g_str_hash, g_str_equal);
  LpKernelResolver resolver = { proof, exports, made, spaces, 0 };
  guint n;

  g_autoptr (GHashTable) names = lp_kernel_resolve (&resolver, result, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_hash_table_lookup (names, "out"), ==, "out");
  g_assert_true (g_hash_table_contains (spaces, "SPACE"));
  g_hash_table_insert (aliases, (gpointer) "syscare_new_0", (gpointer) "second");
  g_autoptr (GBytes) renamed = lp_module_rename (elf, names, aliases, &error);
  g_assert_no_error (error);
  g_assert_true (holds (renamed, "syscare_new_0"));
  g_autoptr (LpElf) linked = lp_elf_new (renamed, "linked", &error);
  g_autoptr (GBytes) module = lp_module_convert (linked, &n, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n, ==, 2);
  g_assert_true (holds (module, ".klp.sym.module.helper,2"));
  g_assert_true (holds (module, ".klp.sym.module.another,0"));
  g_assert_true (holds (module, ".klp.rela.module..text.second"));
}

static void
test_what_cannot_be_reached (void)
{
  g_autoptr (Shipped) s = shipped_new ();
  g_autoptr (Pair) pair = pair_new (unit_b);
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "second", &result);
  g_autoptr (GError) error = NULL;
  g_autoptr (LpShippedProof) proof = lp_shipped_proof_new (s->shipped, s->baseline, "b.c", &error);
  g_autoptr (LpKernelExports) exports = lp_kernel_exports_new ("0x3\t__fentry__\tvmlinux\tEXPORT_SYMBOL\t\n");
  g_autoptr (GHashTable) made = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) spaces = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  LpKernelResolver resolver = { proof, exports, made, spaces, 0 };

  g_assert_nonnull (elf);
  g_assert_null (lp_kernel_resolve (&resolver, result, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, "out, which the kernel doesn't export to modules"));
}

/* Static branches whose keys are in the patched module are read before livepatch can find them. */
static void
test_keys_in_modules (void)
{
  g_autoptr (Shipped) s = shipped_new ();
  g_autoptr (Pair) pair = pair_new (
      "NOINLINE int first (int x) { BRANCH; out (\"a\", x + FIX); return 1; yes: return in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError) error = NULL;

  g_hash_table_insert (names, (gpointer) "key", (gpointer) "key"); /* exported */
  g_assert_true (lp_kernel_check_keys (s->shipped, elf, names, &error));
  g_assert_no_error (error);
  g_autofree char *reference = lp_livepatch_reference ("module", "module", "key", 0);
  g_hash_table_insert (names, (gpointer) "key", reference);
  g_assert_false (lp_kernel_check_keys (s->shipped, elf, names, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, "static branch whose key key"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (specials); i++)
    {
      g_autofree char *name
          = g_strdup_printf ("/kernel objects/hazard 49: only its entry of %s goes along with a function",
                             specials[i].section);
      g_test_add_data_func (name, &specials[i], test_special);
    }
  g_test_add_func ("/kernel objects/replacement code goes along with its alternative",
                   test_replacement_goes_along);
  g_test_add_func ("/kernel objects/code without a name jumps back into the new function",
                   test_aux_code_jumps_back_into_the_new_function);
  g_test_add_func ("/kernel objects/a change in a table only is a change", test_change_in_a_table_only);
  g_test_add_func ("/kernel objects/the line of a warning is no change", test_line_of_a_warning_is_no_change);
  g_test_add_func ("/kernel objects/hazard 50: code that moves to .text.unlikely is not taken for new",
                   test_cold_code);
  g_test_add_func ("/kernel objects/calls within the file go to the original functions",
                   test_calls_of_replaced_functions_go_to_the_original);
  g_test_add_func ("/kernel objects/a function is taken out of a section of several",
                   test_functions_of_one_section);
  g_test_add_func ("/kernel objects/new data goes along, old data stays where it is", test_new_data);
  g_test_add_func ("/kernel objects/a static call brings the name of its key",
                   test_static_call_brings_its_key);
  g_test_add_func ("/kernel objects/a static call of a module names the trampoline alone",
                   test_static_call_without_a_key);
  g_test_add_func ("/kernel objects/callers are replaced for a function without fentry",
                   test_callers_of_a_function_without_fentry);
  g_test_add_func ("/kernel objects/the flag of an inlined function is told from the fix's own",
                   test_flag_of_many_users);
  g_test_add_func ("/kernel objects/callbacks are found", test_callbacks);
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autofree char *name = g_strdup_printf ("/kernel objects/refused: %s", refusals[i].name);
      g_test_add_data_func (name, &refusals[i], test_refusal);
    }
  g_test_add_func ("/kernel objects/the original is proven to be in the shipped module", test_proof);
  g_test_add_func ("/kernel objects/every other byte in the shipped module is found",
                   test_every_difference_is_found);
  g_test_add_func ("/kernel objects/hazard 1: references carry positions", test_references);
  g_test_add_func ("/kernel objects/refused: what isn't exported", test_what_cannot_be_reached);
  g_test_add_func ("/kernel objects/refused: a static branch with its key in a module", test_keys_in_modules);
  return g_test_run ();
}
