/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Branches between functions of one section, which the assembler resolves without a relocation. For
 * libpatch/kernel only. */
#pragma once

#include "diff/object.h"

G_BEGIN_DECLS

/* Sections given by an attribute (__sched, __kprobes) aren't split by -ffunction-sections: adds relocations
 * for the branches between the functions in them, so that each can be taken out. Branches too short to reach
 * out of the section get one of a byte's width. */
void lp_branches_relocate (LpObject *object);

G_END_DECLS
