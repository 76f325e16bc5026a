/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waits until no earlier trigger acts any more. A trigger's tracers outlive it until they are done with the
 * process that they hold (libpatch/process/ptracer.h), and who looks at the processes before that is
 * overtaken by them. All of them share their trigger's descriptors: what it has locked is free when the last
 * one has ended. Must not know what they do. */
#pragma once

#include <glib.h>

typedef struct ScTriggerLock ScTriggerLock;
typedef void (*ScTriggerLockFunc) (gpointer user_data);

/* @path: a file on a local disk, made when it isn't there; "" or one that can't be opened: nobody is waited
 * for. @is_trigger: the lock stays with this process once it has it; else it is only looked at. */
ScTriggerLock *sc_trigger_lock_new (const char *path, gboolean is_trigger);
void sc_trigger_lock_free (ScTriggerLock *lock); /* who still waits isn't called any more */

/* Calls @func once from the default main context, at once when it can: when no other trigger and no tracer
 * of one lives. In the order of the calls. A tracer takes a second, and is ended after ten. */
void sc_trigger_lock_await (ScTriggerLock *lock, ScTriggerLockFunc func, gpointer user_data);
/* Calls nobody any more who waits now. */
void sc_trigger_lock_forget (ScTriggerLock *lock);
