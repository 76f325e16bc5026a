/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Range arithmetic that can't overflow, for every parser. Must not know what the numbers mean. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether @size bytes from @offset on lie within the first @limit bytes. */
static inline gboolean
lp_span_inside (guint64 offset, guint64 size, guint64 limit)
{
  return offset <= limit && size <= limit - offset;
}

/* Whether [@start, @start + @size) lies within [@outer, @outer + @outer_size). FALSE when either range
 * overflows. */
static inline gboolean
lp_span_contains (guint64 outer, guint64 outer_size, guint64 start, guint64 size)
{
  return outer_size <= G_MAXUINT64 - outer && start >= outer
         && lp_span_inside (start - outer, size, outer_size);
}

/* Whether @value is a power of two (0 is none). */
static inline gboolean
lp_is_power_of_two (guint64 value)
{
  return value != 0 && (value & (value - 1)) == 0;
}

/* @value rounded up to a multiple of @align (a power of two). The caller knows that it doesn't overflow. */
static inline guint64
lp_align_up (guint64 value, guint64 align)
{
  return (value + align - 1) & ~(align - 1);
}

G_END_DECLS
