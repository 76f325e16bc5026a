/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What fixes and compilers do to functions and variables beside changing their code: names that come and go,
 * several names of one thing, other sections, other kernel objects. Pairs of small objects, compiled here; no
 * kernel is needed. */
#include <string.h>

#include "base/error.h"
#include "kernel/module-convert.h"
#include "kernel/resolve.h"
#include "object-pairs.h"

static gboolean
needs (const LpKernelExtract *result, const char *name)
{
  return g_hash_table_contains (result->needs, name);
}

static gboolean
is_replaced (const Pair *pair, const char *name)
{
  for (guint i = 0; i < pair->unit->replaced->len; i++)
    if (strcmp (((LpPiece *)pair->unit->replaced->pdata[i])->peer->name, name) == 0)
      return TRUE;
  return FALSE;
}

/* The piece of a function with several names is called by the first one in the alphabet: another one in each
 * object. */
static void
test_alias_that_comes (void)
{
  g_autoptr (Pair) pair
      = pair_new ("NOINLINE int first (int x) { out (\"a\", x + FIX); return in (); }\n"
                  "#if FIX\nint a_new_name (int) __attribute__((alias (\"first\")));\n#endif\n"
                  "int second (int x) { out (\"b\", x); return first (x) + 1; }\n");

  g_assert_no_error (pair->error);
  g_assert_cmpuint (pair->unit->replaced->len, ==, 1);
  g_assert_true (is_replaced (pair, "first"));
}

static void
test_alias_that_goes (void)
{
  g_autoptr (Pair) pair
      = pair_new ("NOINLINE int first (int x) { out (\"a\", x + FIX); return in (); }\n"
                  "#if !FIX\nint a_old_name (int) __attribute__((alias (\"first\")));\n#endif\n"
                  "int second (int x) { out (\"b\", x); return first (x) + 1; }\n");

  g_assert_no_error (pair->error);
  g_assert_cmpuint (pair->unit->replaced->len, ==, 1);
  g_assert_true (is_replaced (pair, "a_old_name")); /* the same place */
}

/* Whoever calls one of them by its old place would get the other's code. */
static void
test_alias_that_becomes_a_function (void)
{
  g_autoptr (Pair) pair
      = pair_new ("NOINLINE int first (int x) { out (\"a\", x); return in (); }\n"
                  "#if FIX\nNOINLINE int another (int x) { out (\"b\", x); return in (); }\n"
                  "#else\nint another (int) __attribute__((alias (\"first\")));\n#endif\n");

  assert_refused (pair, "are one in the original");
}

static void
test_function_that_becomes_an_alias (void)
{
  g_autoptr (Pair) pair
      = pair_new ("NOINLINE int first (int x) { out (\"a\", x); return in (); }\n"
                  "#if !FIX\nNOINLINE int another (int x) { out (\"b\", x); return in (); }\n"
                  "#else\nint another (int) __attribute__((alias (\"first\")));\n#endif\n");

  assert_refused (pair, "are one in the original");
}

/* A second name must not make a second variable. */
static void
test_alias_of_a_variable (void)
{
  g_autoptr (Pair) pair
      = pair_new ("int value = 7;\n#if FIX\nextern int a_name __attribute__((alias (\"value\")));\n#endif\n"
                  "NOINLINE int first (int x) { out (\"a\", value + FIX); return value++; }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);

  g_assert_true (needs (result, "value"));
  g_assert_null (lp_elf_section_by_name (elf, ".data.value"));
}

/* What is left of a function changes its name with the arguments that the compiler takes away (.isra,
 * .constprop). */
static void
test_clones (void)
{
  g_autoptr (Pair) pair
      = pair_new ("#undef NOINLINE\n#define NOINLINE __attribute__((noinline))\n"
                  "struct big { int a[40]; };\n"
                  "static NOINLINE int helper (struct big *b, int mode) { out (\"h\", b->a[3]); return mode "
                  "? in () : in () * 3; }\n"
                  "int first (struct big *b, int x) { out (\"f\", x); return helper (b, FIX ? x : 1); }\n"
                  "int second (struct big *b) { out (\"s\", 0); return helper (b, 1) + 1; }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_no_error (pair->error);
  g_assert_true (is_replaced (pair, "first"));
  result = lp_kernel_extract (pair->unit, &error);
  g_assert_no_error (error);
  /* Old clones are referred to, or new ones go along; nobody calls what isn't in the kernel. */
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init (&iter, result->needs);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (strstr (key, "helper") != NULL)
      g_assert_nonnull (((const LpKernelNeed *)value)->old);
}

static void
test_init_code_that_stays (void)
{
  g_autoptr (Pair) pair = pair_new ("#if FIX\n#define EARLY\n#else\n#define EARLY INIT\n#endif\n"
                                    "EARLY NOINLINE int setup (int x) { out (\"a\", x); return in (); }\n"
                                    "int second (int x) { out (\"b\", x); return in (); }\n");

  assert_refused (pair, "makes init code, which is gone from memory, code that stays");
}

static void
test_variable_that_moves (void)
{
  g_autoptr (Pair) pair
      = pair_new ("#if FIX\n#define SEALED __attribute__((section "
                  "(\".data..ro_after_init\")))\n#else\n#define SEALED\n#endif\n"
                  "SEALED int limit = 5; int first (int x) { out (\"a\", x + FIX); return limit; }\n");
  g_autoptr (Pair) faster = pair_new (
      "#if FIX\n#define FAST __attribute__((section (\".data..read_mostly\")))\n#else\n#define FAST\n#endif\n"
      "FAST int limit = 5; int first (int x) { out (\"a\", x + FIX); return limit; }\n");

  assert_refused (pair, "limit: the fix moves it from section .data to .data..ro_after_init");
  g_assert_no_error (faster->error);
}

static void
test_init_variable_that_stays (void)
{
  g_autoptr (Pair) pair = pair_new (
      "#if FIX\n#define EARLY\n#else\n#define EARLY __attribute__((section (\".init.data\")))\n#endif\n"
      "EARLY int limit = 5; int first (int x) { out (\"a\", x); return limit; }\n");

  assert_refused (pair, "from section .init.data to .data");
}

static void
test_exports (void)
{
  static const char function[] = "int first (int x) { out (\"a\", x + FIX); return in (); }\n";
#define EXPORT(kind)                                                                                         \
  "asm (\".section ___ksymtab" kind "+first,\\\"a\\\"\\n__ksymtab_first: .long first - .\\n.previous\");\n"
  g_autofree char *gone = g_strconcat (function, "#if !FIX\n", EXPORT (""), "#endif\n", NULL);
  g_autofree char *other
      = g_strconcat (function, "#if FIX\n", EXPORT ("_gpl"), "#else\n", EXPORT (""), "#endif\n", NULL);
  g_autoptr (Pair) withdrawn = pair_new (gone);
  g_autoptr (Pair) restricted = pair_new (other);

  assert_refused (withdrawn, "no longer exports first");
  assert_refused (restricted, "changes for whom it exports first");
}

/* Their names end with a counter of all of them. */
static void
test_btf_ids (void)
{
#define ID(name, number)                                                                                     \
  "asm (\".pushsection .BTF_ids,\\\"a\\\"\\n.local __BTF_ID__func__" name "__" number "\\n"                  \
  ".type __BTF_ID__func__" name "__" number ", STT_OBJECT\\n.size __BTF_ID__func__" name "__" number         \
  ", 4\\n"                                                                                                   \
  "__BTF_ID__func__" name "__" number ":\\n.zero 4\\n.popsection\");\n"
  g_autoptr (Pair) pair
      = pair_new ("#if FIX\n" ID ("one", "8") ID ("two", "9") "#else\n" ID ("one", "7")
                      ID ("two", "8") "#endif\nint first (int x) { out (\"a\", x + FIX); return in (); }\n");
  g_autoptr (Pair) more = pair_new (
      ID ("one", "7") "#if FIX\n" ID ("three",
                                      "8") "#endif\n"
                                           "int first (int x) { out (\"a\", x + FIX); return in (); }\n");

  g_assert_no_error (pair->error);
  assert_refused (more, "__BTF_ID__func__three__8\" to section .BTF_ids");
}

static void
test_calls_checked_by_type (void)
{
  g_autoptr (Pair) pair = pair_new ("int first (int x) { out (\"a\", x + FIX); return in (); }\n"
                                    "asm (\".text\\n__cfi_first: nop\");\n");

  assert_refused (pair, "CONFIG_CFI_CLANG");
}

/* Without CONFIG_DEBUG_BUGVERBOSE: two entries of 6 bytes look like one of 12. */
static void
test_short_bug_entries (void)
{
  g_autoptr (Pair) pair
      = pair_new ("#define SHORT asm volatile (\"1: ud2\\n.pushsection __bug_table,\\\"aw\\\"\\n.long 1b - "
                  ".\\n.word 0\\n.popsection\")\n"
                  "NOINLINE int first (int x) { SHORT; out (\"a\", x + FIX); return in (); }\n"
                  "NOINLINE int second (int x) { SHORT; out (\"b\", x); return in (); }\n");

  assert_refused (pair, "__bug_table: entries of another layout");
}

/* Room before each function, for the kernel's own code (CONFIG_CALL_PADDING, Linux 6.2 and later). */
static void
test_padding (void)
{
  g_autoptr (Pair) pair
      = pair_new_with ("#if FIX\nstatic NOINLINE int added (int x) { out (\"n\", x); return in (); "
                       "}\n#else\n#define added(x) (x)\n#endif\n"
                       "NOINLINE int first (int x) { out (\"a\", added (x)); return in (); }\n"
                       "NOINLINE int second (int x) { out (\"b\", x); return in (); }\n",
                       "-fpatchable-function-entry=16,16");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);
  guint n, found = 0;
  const LpElfSymbol *symbols = lp_elf_symbols (elf, LP_ELF_SYMTAB, &n, NULL);

  for (guint i = 1; i < n; i++)
    if (symbols[i].type == STT_FUNC && symbols[i].shndx != SHN_UNDEF)
      {
        guint n_sections;
        gsize size;
        const LpElfSection *section = &lp_elf_sections (elf, &n_sections)[symbols[i].section];
        const guint8 *bytes = lp_elf_section_data (elf, section, &size);
        g_assert_cmpuint (symbols[i].value, >=, 16);
        for (guint k = 1; k <= 16; k++)
          g_assert_cmpuint (bytes[symbols[i].value - k], ==, 0x90);
        found++;
      }
  g_assert_cmpuint (found, ==, 2);
}

/* DEFINE_STATIC_KEY_FALSE in the same file; the entry counts from it, with a flag in the lowest bit. */
static void
test_static_key_of_the_file (void)
{
  g_autoptr (Pair) pair = pair_new ("static long there[2] = { 1 };\n#if FIX\nstatic long added[2] = { 1 "
                                    "};\n#define ADDED ON (added)\n#else\n#define ADDED\n"
                                    "#endif\n#define ON(key) asm goto (\"1: .byte 0x0f, 0x1f, 0x44, 0, "
                                    "0\\n.pushsection __jump_table,\\\"aw\\\"\\n\"\\\n"
                                    "  \".balign 8\\n.long 1b - .\\n.long %l[yes] - .\\n.quad %c0 + 1 - "
                                    ".\\n.popsection\" :: \"i\" (key) :: yes)\n"
                                    "int second (void) { ON (there); return 1; yes: return in (); }\n"
                                    "NOINLINE int first (int x) { ON (there); ADDED; out (\"a\", x + FIX); "
                                    "return 1; yes: return in (); }\n");
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf = extract (pair, "first", &result);
  GArray *relocations = lp_elf_relocations (elf, lp_elf_section_by_name (elf, "__jump_table")->index, NULL);
  guint n;
  const LpElfSymbol *symbols = lp_elf_symbols (elf, LP_ELF_SYMTAB, &n, NULL);

  g_assert_cmpuint (relocations->len, ==, 6);
  const LpElfRelocation *old = &g_array_index (relocations, LpElfRelocation, 2);
  const LpElfRelocation *new = &g_array_index (relocations, LpElfRelocation, 5);
  g_assert_cmpstr (symbols[old->symbol].name, ==, "there");
  g_assert_cmpuint (symbols[old->symbol].shndx, ==, SHN_UNDEF);
  g_assert_cmpint (old->addend, ==, 1);
  g_assert_cmpuint (symbols[new->symbol].shndx, !=, SHN_UNDEF);
  g_assert_cmpint (new->addend, ==, 1);
  g_assert_nonnull (lp_elf_section_by_name (elf, ".data.added"));
}

/* What a fix does to a structure, and what is said to it; NULL: it is built. */
typedef struct {
  const char *name;
  const char *before;
  const char *after;
  const char *words;
} Layout;

static const Layout layouts[] = {
  { "a new member", "struct thing { int a; };", "struct thing { int a, b; };",
    "struct thing: the fix changes its layout (\"b\" is new in it)" },
  { "a member that goes", "struct thing { int a, b; };", "struct thing { int a; };",
    "\"b\" is no longer in it" },
  { "a member that grows", "struct thing { int a; short b; };", "struct thing { int a; int b; };",
    "\"b\" has 32 bits instead of 16" },
  { "members in another order", "struct thing { int a, b; };", "struct thing { int b, a; };",
    "\"a\" is at byte 4 instead of 0" },
  { "a bit field that grows", "struct thing { unsigned a : 3, b : 2; };",
    "struct thing { unsigned a : 4, b : 2; };", "\"a\" has 4 bits instead of 3" },
  { "a member of an anonymous union", "struct thing { int a; union { int b; char c; }; };",
    "struct thing { int a; union { int b; char c; int d; }; };", "\"d\" is new in it" },
  { "a structure in another", "struct part { char x; }; struct thing { struct part p; int a; };",
    "struct part { char x; int y; }; struct thing { struct part p; int a; };",
    "struct part: the fix changes its layout (\"y\" is new in it)" },
  { "an array that grows", "struct thing { int a; char text[4]; };", "struct thing { int a; char text[8]; };",
    "\"text\" has 64 bits instead of 32" },
  { "a new value before others", "enum state { IDLE, BUSY }; struct thing { int a; enum state s; };",
    "enum state { IDLE, WAITING, BUSY }; struct thing { int a; enum state s; };",
    "enum state: the fix changes its layout (\"BUSY\" is 2 instead of 1)" },
  { "a new value behind others",
    "enum state { IDLE, BUSY, NR_STATES }; struct thing { int a; enum state s; };",
    "enum state { IDLE, BUSY, WAITING, NR_STATES }; struct thing { int a; enum state s; };", NULL },
  { "a structure without a name of its own",
    "typedef struct { int a, b; } named; struct thing { int a; named *n; };",
    "typedef struct { int b, a; } named; struct thing { int a; named *n; };",
    "typedef named: the fix changes its layout (\"a\" is at byte 4 instead of 0)" },
  { "a member that is a structure without a name", "struct thing { int a; struct { int b, c; } in[2]; };",
    "struct thing { int a; struct { int c, b; } in[2]; };", "\"in.b\" is at byte 8 instead of 4" },
  { "a variable's structure without a name", "struct thing { int a; }; struct { int b, c; } variable;",
    "struct thing { int a; }; struct { int c, b; } variable;",
    "variable variable: the fix changes its layout" },
  { "another type of the same size", "struct thing { int a; };", "struct thing { unsigned a; };", NULL },
  { "a new structure", "struct thing { int a; };",
    "struct thing { int a; }; struct other { long b; } *others;", NULL },
};

static void
test_layout (gconstpointer data)
{
  const Layout *layout = data;
  g_autofree char *text = g_strdup_printf (
      "#if FIX\n%s\n#else\n%s\n#endif\n"
      "NOINLINE int first (struct thing *t) { out (\"a\", t->a + FIX); return in () + (int)sizeof *t; }\n",
      layout->after, layout->before);
  g_autoptr (Pair) pair = pair_new_with (text, "-g");

  if (layout->words != NULL)
    assert_refused (pair, layout->words);
  else
    g_assert_no_error (pair->error);
}

static void
test_weak_functions (void)
{
  static const char weak[] = "__attribute__((weak)) int first (int x) { out (\"weak\", x); return in (); }\n";
  g_autoptr (Kernel) alone = kernel_new ("module", "int second (int x) { return in () + x; }\n", weak);
  g_autofree char *both = g_strconcat (weak, "int third (int x) { return in () - x; }\n", NULL);
  g_autoptr (Kernel) overridden
      = kernel_new ("module", "int first (int x) { out (\"strong\", x); return in () * 3; }\n", both);
  g_autoptr (Pair) only = pair_new (weak);
  g_autoptr (GError) error = NULL;

  g_assert_true (lp_shipped_proof_function (alone->proof, "first", &error));
  g_assert_no_error (error);
  g_assert_nonnull (lp_shipped_proof_locate (alone->proof, "first", &error));
  g_assert_false (lp_shipped_proof_function (overridden->proof, "first", &error)
                  && lp_shipped_proof_locate (overridden->proof, "first", &error) != NULL);
  g_assert_error (error, LP_ERROR, LP_ERROR_TARGET_MISMATCH);
  g_assert_nonnull (strstr (error->message, "another file overrides it"));
  g_clear_error (&error);
  g_assert_null (lp_shipped_proof_new (overridden->shipped, only->original, "c.c", &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_TARGET_MISMATCH);
  g_assert_nonnull (strstr (error->message, "other files override them"));
}

/* Three static functions of one name: the one that is meant is told by its place. */
static void
test_positions_in_vmlinux (void)
{
  static const char text[]
      = "static NOINLINE __attribute__((used)) int helper (int x) { out (\"b\", x); return in () * 3; }\n"
        "int second (int x) { return helper (x) + 2; }\n";
  g_autoptr (Kernel) kernel = kernel_new (
      LP_VMLINUX,
      "static NOINLINE __attribute__((used)) int helper (int x) { out (\"a\", x); return in (); }\n"
      "int first (int x) { return helper (x) + 1; }\n",
      text);
  g_autoptr (GError) error = NULL;
  guint position;

  g_assert_true (lp_shipped_proof_function (kernel->proof, "second", &error));
  g_assert_no_error (error);
  const LpElfSymbol *helper = lp_shipped_proof_locate (kernel->proof, "helper", &error);
  g_assert_no_error (error);
  g_assert_true (lp_shipped_position (kernel->shipped, helper, &position, &error));
  g_assert_cmpuint (position, ==, 2);
}

/* Symbols that the module asks for: how each kind is reached, and what isn't. */
static void
test_reach (void)
{
  static const char text[]
      = "int first (int x) { extern int made (int), gpl (int), spaced (int), of_module (int);\n"
        "  out (\"a\", FIX); return in () + (FIX ? made (x) + gpl (x) + spaced (x) : 0); }\n";
  g_autoptr (Kernel) kernel = kernel_new (LP_VMLINUX, "int zero (void) { return in (); }\n", text);
  g_autoptr (Pair) pair = pair_new (text);
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf G_GNUC_UNUSED = extract (pair, "first", &result);
  g_autoptr (LpKernelExports) exports = lp_kernel_exports_new (
      "0x1\tgpl\tvmlinux\tEXPORT_SYMBOL_GPL\t\n0x2\tspaced\tvmlinux\tEXPORT_SYMBOL_NS_GPL\tMY_SPACE\n"
      "0x3\tin\tvmlinux\tEXPORT_SYMBOL\t\n");
  g_autoptr (GHashTable) made = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) spaces = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  LpKernelResolver resolver = { kernel->proof, exports, made, spaces, 0 };
  g_autoptr (GError) error = NULL;

  g_hash_table_insert (made, (gpointer) "made", (gpointer)LP_VMLINUX);
  g_autoptr (GHashTable) names = lp_kernel_resolve (&resolver, result, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (g_hash_table_lookup (names, "gpl"), ==, "gpl");
  g_assert_cmpstr (g_hash_table_lookup (names, "spaced"), ==, "spaced");
  g_assert_cmpstr (g_hash_table_lookup (names, "made"), ==, "made");
  g_assert_true (g_hash_table_contains (spaces, "MY_SPACE"));
  g_assert_true (lp_is_livepatch_reference (g_hash_table_lookup (names, "out")));

  g_hash_table_insert (made, (gpointer) "made", (gpointer) "loop");
  g_assert_null (lp_kernel_resolve (&resolver, result, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, "made, which the fix adds to a module that may not be loaded"));
}

static void
test_of_a_module (void)
{
  static const char text[] = "int first (int x) { extern int of_module (int); out (\"a\", FIX); return in () "
                             "+ (FIX ? of_module (x) : 0); }\n";
  g_autoptr (Kernel) kernel = kernel_new (LP_VMLINUX, "int zero (void) { return in (); }\n", text);
  g_autoptr (Pair) pair = pair_new (text);
  g_autoptr (LpKernelExtract) result = NULL;
  g_autoptr (LpElf) elf G_GNUC_UNUSED = extract (pair, "first", &result);
  g_autoptr (LpKernelExports) exports
      = lp_kernel_exports_new ("0x1\tof_module\tdrivers/some\tEXPORT_SYMBOL_GPL\t\n");
  g_autoptr (GHashTable) made = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) spaces = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  LpKernelResolver resolver = { kernel->proof, exports, made, spaces, 0 };
  g_autoptr (GError) error = NULL;

  g_assert_null (lp_kernel_resolve (&resolver, result, &error));
  g_assert_error (error, LP_ERROR, LP_ERROR_REFUSED);
  g_assert_nonnull (strstr (error->message, "of_module, which is in a module"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define CASE(name, function) g_test_add_func ("/kernel shapes/" name, function)
  CASE ("a second name that comes first in the alphabet", test_alias_that_comes);
  CASE ("a second name that is taken away", test_alias_that_goes);
  CASE ("refused: a second name that becomes a function", test_alias_that_becomes_a_function);
  CASE ("refused: a function that becomes a second name", test_function_that_becomes_an_alias);
  CASE ("a second name of a variable makes no second variable", test_alias_of_a_variable);
  CASE ("clones that the compiler names anew", test_clones);
  CASE ("refused: init code that becomes code that stays", test_init_code_that_stays);
  CASE ("refused: a variable that moves to another section", test_variable_that_moves);
  CASE ("refused: init data that becomes data that stays", test_init_variable_that_stays);
  CASE ("refused: an export that is withdrawn or restricted", test_exports);
  CASE ("ids of BTF are known by what they are about", test_btf_ids);
  CASE ("refused: a kernel that checks calls by type", test_calls_checked_by_type);
  CASE ("refused: entries of two that look like one", test_short_bug_entries);
  CASE ("static keys of the same file, old and new", test_static_key_of_the_file);
  CASE ("room before functions goes along", test_padding);
  for (guint i = 0; i < G_N_ELEMENTS (layouts); i++)
    {
      g_autofree char *name
          = g_strdup_printf ("/kernel shapes/%s: layout: %s", layouts[i].words != NULL ? "refused" : "built",
                             layouts[i].name);
      g_test_add_data_func (name, &layouts[i], test_layout);
    }
  CASE ("weak functions, overridden or not", test_weak_functions);
  CASE ("hazard 1: equal names in vmlinux are told by their place", test_positions_in_vmlinux);
  CASE ("exports, name spaces, what another file of the fix adds", test_reach);
  CASE ("refused: vmlinux needs a module", test_of_a_module);
  return g_test_run ();
}
