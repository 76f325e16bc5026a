/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Unwind information: the CIEs and FDEs of the functions that go along. For libpatch/diff only.
 * Source: DWARF 5 section 6.4.1; LSB 5.0 core, chapter 10.6 (.eh_frame). */
#pragma once

#include "diff/object.h"
#include "format/entity-writer.h"

G_BEGIN_DECLS

typedef struct LpFrames LpFrames;

LpFrames *lp_frames_new (const LpArch *arch, LpEntityWriter *writer);
void lp_frames_free (LpFrames *frames);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (LpFrames, lp_frames_free)

/* Before lay_out(): adds what @object's .eh_frame says of pieces that have a writer piece. Errors:
 * LP_ERROR_REFUSED (exception tables, an encoding that isn't known). */
gboolean lp_frames_add (LpFrames *frames, LpObject *object, GError **error);
/* After lay_out(): fills in the addresses. */
gboolean lp_frames_finish (LpFrames *frames, GError **error);

G_END_DECLS
