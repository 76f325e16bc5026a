/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KEEP: a function that compilers neither inline nor look into, so that its callers really call it. UNKNOWN:
 * makes a value unknown to them (clang has no noipa). */
#pragma once

#ifdef __clang__
#define KEEP __attribute__ ((noinline))
#else
#define KEEP __attribute__ ((noipa))
#endif
#define UNKNOWN(x) __asm__ volatile("" : "+r"(x))
