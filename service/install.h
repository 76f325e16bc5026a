/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bringing bundles onto the machine and taking them away. Must not know bus types. */
#pragma once

#include "service.h"

/* Takes in what lies at @path, asks polkit about that very copy, and makes the job that installs it. @options
 * is taken over. Errors: see Manager.Install in the interface file. */
void sc_install_async (ScService *service, ScCaller *caller, const char *path, ScCallOptions *options,
                       GAsyncReadyCallback callback, gpointer user_data);
ScJob *sc_install_finish (GAsyncResult *result, GError **error);

/* Makes the job that deletes the bundles of the patches at @paths. @options is taken over. Errors: see
 * Manager.Uninstall. */
void sc_uninstall_async (ScService *service, ScCaller *caller, const char *const *paths,
                         ScCallOptions *options, GAsyncReadyCallback callback, gpointer user_data);
ScJob *sc_uninstall_finish (GAsyncResult *result, GError **error);
