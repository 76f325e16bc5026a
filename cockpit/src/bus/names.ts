// SPDX-License-Identifier: GPL-2.0-or-later
// Names of the service on the system bus.
export const NAME = "org.openeuler.SysCare1";
export const PATH = "/org/openeuler/SysCare1";
export const JOBS = `${PATH}/jobs/`;
export const PATCHES = `${PATH}/patches/`;
export const MANAGER = `${NAME}.Manager`;
export const PATCH = `${NAME}.Patch`;
export const JOB = `${NAME}.Job`;
export const PROPERTIES = "org.freedesktop.DBus.Properties";
export const OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager";
/** The most patches that one call takes. */
export const MOST_AT_ONCE = 256;
