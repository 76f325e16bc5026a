/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker's part that takes in a bundle from outside: opens it as the caller, copies it within limits into
 * a folder that only root can read, and checks that very copy. Must not know where bundles live or who may
 * install them. */
#include "worker.h"

#include "base/error.h"
#include "fd.h"
#include "format/bundle.h"
#include "wire.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#define OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
#define COPY_CHUNK (1 << 16)

typedef struct {
  uid_t uid; /* of the caller */
  guint64 bytes_left;
  guint files_left;
  int staging; /* the folder that the copy goes to */
  GCancellable *cancellable;
} ScIntake;

/* A source file that was opened as the caller. */
typedef struct {
  char *name;
  int fd;
} ScSourceFile;

static void
source_file_free (gpointer data)
{
  ScSourceFile *file = data;

  sc_fd_clear (&file->fd);
  g_free (file->name);
  g_free (file);
}

/* File names in a bundle: one plain component. */
static gboolean
is_bundle_file_name (const char *name)
{
  return name[0] != '\0' && name[0] != '.' && strchr (name, '/') == NULL && strlen (name) < 256
         && g_utf8_validate (name, -1, NULL);
}

static gboolean
take_file (ScIntake *intake, const char *name, GError **error)
{
  if (!is_bundle_file_name (name))
    {
      lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "a bundle has no file of such a name: \"%.80s\"",
                    name);
      return FALSE;
    }
  if (intake->files_left == 0)
    {
      lp_error_set (error, LP_ERROR_LIMITS_EXCEEDED, "[install] file-limit in the settings file",
                    "too many files");
      return FALSE;
    }
  intake->files_left--;
  return TRUE;
}

static gboolean
take_bytes (ScIntake *intake, gsize n, GError **error)
{
  if (n > intake->bytes_left)
    {
      lp_error_set (error, LP_ERROR_LIMITS_EXCEEDED, "[install] size-limit in the settings file",
                    "too large");
      return FALSE;
    }
  intake->bytes_left -= n;
  return !g_cancellable_set_error_if_cancelled (intake->cancellable, error);
}

static gboolean
write_all (int fd, const guint8 *bytes, gsize size, GError **error)
{
  while (size > 0)
    {
      ssize_t n = write (fd, bytes, size);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't write the copy");
          return FALSE;
        }
      bytes += n;
      size -= n;
    }
  return TRUE;
}

static int
create_copy (ScIntake *intake, const char *name, GError **error)
{
  int fd = openat (intake->staging, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

  if (fd < 0 && errno == EEXIST)
    lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s is in the bundle twice", name);
  else if (fd < 0)
    lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't create the copy of %s", name);
  return fd;
}

static gboolean
finish_copy (int fd, const char *name, GError **error)
{
  if (fsync (fd) == 0)
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't write the copy of %s", name);
  return FALSE;
}

static gboolean
copy_file (ScIntake *intake, const ScSourceFile *file, GError **error)
{
  SC_AUTO_FD out = create_copy (intake, file->name, error);
  g_autofree guint8 *buffer = g_malloc (COPY_CHUNK);

  while (out >= 0)
    {
      ssize_t n = read (file->fd, buffer, COPY_CHUNK);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't read %s", file->name);
      if (n == 0)
        return finish_copy (out, file->name, error);
      if (n < 0 || !take_bytes (intake, n, error) || !write_all (out, buffer, n, error))
        return FALSE;
    }
  return FALSE;
}

/* Of the caller or root, and of type @type (S_IFREG, S_IFDIR). */
static gboolean
is_acceptable (const ScIntake *intake, int fd, mode_t type, const char *name, GError **error)
{
  struct stat status;

  if (fstat (fd, &status) != 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s", name);
      return FALSE;
    }
  if ((status.st_mode & S_IFMT) != type)
    {
      lp_error_set (error, LP_ERROR_INVALID_ARGS, NULL, "%s: neither a regular file nor a directory of such",
                    name);
      return FALSE;
    }
  if (status.st_uid != intake->uid && status.st_uid != 0)
    {
      lp_error_set (error, LP_ERROR_ACCESS_DENIED, "make a copy of your own and install that",
                    "%s belongs to another user", name);
      return FALSE;
    }
  return TRUE;
}

static GPtrArray *
open_directory_files (ScIntake *intake, int directory, GError **error)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (source_file_free);
  DIR *stream = fdopendir (fcntl (directory, F_DUPFD_CLOEXEC, 0));
  gboolean ok = stream != NULL;

  for (struct dirent *entry; ok && (entry = readdir (stream)) != NULL;)
    {
      if (g_str_equal (entry->d_name, ".") || g_str_equal (entry->d_name, ".."))
        continue;
      ScSourceFile *file = g_new0 (ScSourceFile, 1);
      file->name = g_strdup (entry->d_name);
      file->fd = -1;
      g_ptr_array_add (files, file);
      ok = take_file (intake, file->name, error);
      if (ok && (file->fd = openat (directory, file->name, OPEN_FLAGS)) < 0)
        {
          lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't open %s", file->name);
          ok = FALSE;
        }
      ok = ok && is_acceptable (intake, file->fd, S_IFREG, file->name, error);
    }
  if (stream != NULL)
    closedir (stream);
  return ok ? g_steal_pointer (&files) : NULL;
}

/* From here to come_back() files are opened with the caller's rights: root's must not reveal what is where.
 */
static gboolean
become_caller (uid_t uid, GError **error)
{
  const struct passwd *user = uid != 0 ? getpwuid (uid) : NULL;

  if (uid == 0)
    return TRUE;
  if (user == NULL || initgroups (user->pw_name, user->pw_gid) != 0 || setegid (user->pw_gid) != 0
      || seteuid (uid) != 0)
    {
      lp_error_set (error, LP_ERROR_ACCESS_DENIED, NULL, "can't open files as user %u", (guint)uid);
      return FALSE;
    }
  return TRUE;
}

static gboolean
come_back (GError **error)
{
  if (geteuid () == 0 || (seteuid (0) == 0 && setegid (0) == 0 && setgroups (0, NULL) == 0))
    return TRUE;
  lp_error_set_errno (error, LP_ERROR_FAILED, errno, "can't take root's rights back");
  return FALSE;
}

static int
open_source (ScIntake *intake, const char *path, GPtrArray **files, GError **error)
{
  SC_AUTO_FD fd = open (path, OPEN_FLAGS);
  struct stat status;

  if (fd < 0 || fstat (fd, &status) != 0)
    {
      lp_error_set_errno (error, errno == EACCES ? LP_ERROR_ACCESS_DENIED : LP_ERROR_INVALID_ARGS, errno,
                          "%s", path);
      return -1;
    }
  if (!is_acceptable (intake, fd, S_ISDIR (status.st_mode) ? S_IFDIR : S_IFREG, path, error))
    return -1;
  if (S_ISDIR (status.st_mode) && (*files = open_directory_files (intake, fd, error)) == NULL)
    return -1;
  return sc_fd_steal (&fd);
}

static gboolean
copy_entry (ScIntake *intake, struct archive *archive, const char *name, GError **error)
{
  SC_AUTO_FD out = create_copy (intake, name, error);
  g_autofree guint8 *buffer = g_malloc (COPY_CHUNK);

  while (out >= 0)
    {
      la_ssize_t n = archive_read_data (archive, buffer, COPY_CHUNK);

      if (n < 0)
        lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "%s: damaged archive: %s", name,
                      archive_error_string (archive));
      if (n == 0)
        return finish_copy (out, name, error);
      if (n < 0 || !take_bytes (intake, n, error) || !write_all (out, buffer, n, error))
        return FALSE;
    }
  return FALSE;
}

/* Entries may stand in one directory of the archive, whose name doesn't matter. */
static gboolean
unpack_entry (ScIntake *intake, struct archive *archive, struct archive_entry *entry, char **directory,
              GError **error)
{
  const char *path = archive_entry_pathname (entry);

  if (path == NULL || archive_entry_hardlink (entry) != NULL
      || (archive_entry_filetype (entry) != AE_IFREG && archive_entry_filetype (entry) != AE_IFDIR))
    {
      lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL,
                    "the archive holds something that is not a plain file");
      return FALSE;
    }
  if (archive_entry_filetype (entry) == AE_IFDIR)
    return TRUE;

  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *parent = g_path_get_dirname (path);
  if (*directory == NULL)
    *directory = g_strdup (parent);
  if (!g_str_equal (*directory, parent))
    {
      lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "the archive holds more than one directory");
      return FALSE;
    }
  return take_file (intake, name, error) && copy_entry (intake, archive, name, error);
}

static gboolean
unpack_entries (ScIntake *intake, struct archive *archive, GError **error)
{
  g_autofree char *directory = NULL;
  struct archive_entry *entry;

  for (;;)
    {
      int status = archive_read_next_header (archive, &entry);

      if (status == ARCHIVE_EOF)
        return TRUE;
      if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
        {
          lp_error_set (error, LP_ERROR_PATCH_CORRUPT, "syscare build --format tar makes one",
                        "not a readable tar archive: %s", archive_error_string (archive));
          return FALSE;
        }
      if (!unpack_entry (intake, archive, entry, &directory, error))
        return FALSE;
    }
}

static gboolean
unpack (ScIntake *intake, int fd, GError **error)
{
  struct archive *archive = archive_read_new ();
  gboolean ok = FALSE;

  archive_read_support_format_tar (archive);
  archive_read_support_filter_gzip (archive);
  archive_read_support_filter_xz (archive);
  archive_read_support_filter_zstd (archive);
  if (archive_read_open_fd (archive, fd, COPY_CHUNK) != ARCHIVE_OK)
    lp_error_set (error, LP_ERROR_PATCH_CORRUPT, NULL, "not a readable tar archive: %s",
                  archive_error_string (archive));
  else
    ok = unpack_entries (intake, archive, error);
  archive_read_free (archive);
  return ok;
}

static gboolean
copy_in (ScIntake *intake, const char *path, GError **error)
{
  g_autoptr (GPtrArray) files = NULL;

  if (!become_caller (intake->uid, error))
    return FALSE;
  SC_AUTO_FD fd = open_source (intake, path, &files, error);
  if (!come_back (fd >= 0 ? error : NULL) || fd < 0)
    return FALSE;

  if (files == NULL)
    return unpack (intake, fd, error);
  for (guint i = 0; i < files->len; i++)
    if (!copy_file (intake, g_ptr_array_index (files, i), error))
      return FALSE;
  return TRUE;
}

/* patch.json holds the digests of all other files, so its digest stands for the whole bundle. */
static char *
digest_manifest (const char *directory, GError **error)
{
  g_autofree char *path = g_build_filename (directory, LP_MANIFEST_FILE, NULL);
  g_autofree char *text = NULL;
  gsize size;

  if (!g_file_get_contents (path, &text, &size, error))
    return NULL;
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, (guint8 *)text, size);
}

static gboolean
describe (const char *directory, const LpKeyring *keyring, JsonObject *reply, GError **error)
{
  g_autoptr (LpBundle) bundle = lp_bundle_open_signed (directory, LP_BUNDLE_CHECK_OWNER, keyring, error);
  g_autofree char *digest = bundle != NULL ? digest_manifest (directory, error) : NULL;
  JsonArray *objects = json_array_new ();

  json_object_set_array_member (reply, "objects", objects);
  if (digest == NULL)
    return FALSE;

  g_autofree char *issues
      = bundle->manifest->issues != NULL ? g_strjoinv (" ", bundle->manifest->issues) : NULL;
  json_object_set_string_member (reply, "bundle", bundle->manifest->id);
  json_object_set_string_member (reply, "kind", bundle->manifest->kind);
  json_object_set_string_member (reply, "issues", issues != NULL ? issues : "");
  json_object_set_string_member (reply, "digest", digest);
  json_object_set_string_member (reply, "signer", bundle->signer != NULL ? bundle->signer : "");
  for (guint i = 0; i < bundle->manifest->objects->len; i++)
    {
      const LpManifestObject *object = g_ptr_array_index (bundle->manifest->objects, i);
      g_autofree char *name = lp_manifest_full_name (bundle->manifest, object);
      JsonObject *entry = json_object_new ();

      json_object_set_string_member (entry, "uuid", object->uuid);
      json_object_set_string_member (entry, "name", name);
      json_array_add_object_element (objects, entry);
    }
  return TRUE;
}

gboolean
sc_work_intake (JsonObject *request, JsonObject *reply, GCancellable *cancellable, GError **error)
{
  const char *directory = sc_wire_string (request, "staging");
  g_autoptr (LpKeyring) keyring = sc_work_keyring (request);
  SC_AUTO_FD staging = open (directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  ScIntake intake = {
    .uid = (uid_t)sc_wire_int (request, "uid"),
    .bytes_left = (guint64)sc_wire_int (request, "size-limit"),
    .files_left = (guint)sc_wire_int (request, "file-limit"),
    .staging = staging,
    .cancellable = cancellable,
  };

  if (staging < 0)
    {
      lp_error_set_errno (error, LP_ERROR_FAILED, errno, "%s", directory);
      return FALSE;
    }
  if (!copy_in (&intake, sc_wire_string (request, "path"), error)
      || !describe (directory, keyring, reply, error))
    return FALSE;
  (void)!fsync (staging);
  return TRUE;
}
