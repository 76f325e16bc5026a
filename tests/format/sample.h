/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small but complete entity and bundle that the tests of format/ and store/ start from. Made with the real
 * writer. */
#pragma once

#include "format/bundle.h"
#include "format/entity-writer.h"

#define SAMPLE_BUILD_ID "00112233445566778899aabbccddeeff00112233"

/* Where things came to lie. */
typedef struct {
  guint64 answer, twice, stub, slot, counter, text;
} SampleLayout;

/* One replaced function "answer", a helper, a string, a GOT slot, a variable, unwind information. @layout:
 * (out) (optional). */
GBytes *sample_entity (const char *uuid, SampleLayout *layout);

/* A manifest of @n objects ("object-0" ...) named @name, with uuids, digests and sizes of @entities filled
 * in.
 * @entities: (out): GBytes. */
LpManifest *sample_manifest (const char *name, guint n, GPtrArray **entities);

/* Writes the bundle under @parent; returns its directory. */
char *sample_bundle (const char *parent, const char *name, guint n_objects);

/* Empties and removes a directory. */
void sample_remove (const char *directory);
