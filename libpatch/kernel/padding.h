/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Room that the compiler leaves before each function, for code that the kernel writes there itself
 * (CONFIG_CALL_PADDING: call depth tracking, FineIBT). For libpatch/kernel only. */
#pragma once

#include "diff/object.h"

G_BEGIN_DECLS

/* Sets LpPiece.lead of functions with such room: it goes wherever they go. */
void lp_padding_attach (LpObject *object);

G_END_DECLS
