/* Copies a directory tree into a volume: copy SOURCE TARGET

   TARGET appears with a rename when the tree is complete, so no process loads a part of it. A later run replaces the
   tree, and removes what an interrupted one has left. Directories get the mode 755 and files 644: the processes that
   read them may have any user id. An error is one line on standard error and exit status 1; wrong usage has status 2. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_OPEN_DIRECTORIES 16

typedef char Path[PATH_MAX];

static Path source, target, new, old;

static void fail(const char *action, const char *path) {
  fprintf(stderr, "copy: cannot %s %s: %s\n", action, path, strerror(errno));
  exit(1);
}

static void join(Path result, const char *path, const char *end) {
  if (snprintf(result, PATH_MAX, "%s%s", path, end) >= PATH_MAX) {
    errno = ENAMETOOLONG;
    fail("use", path);
  }
}

static void strip_slashes(Path path) {
  for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--) path[length - 1] = '\0';
}

static void write_all(int file, const char *bytes, ssize_t count, const char *path) {
  while (count > 0) {
    ssize_t written = write(file, bytes, count);
    if (written < 0) fail("write", path);
    bytes += written;
    count -= written;
  }
}

static void copy_file(const char *from, const char *to) {
  char buffer[65536];
  int input = open(from, O_RDONLY);
  if (input < 0) fail("read", from);
  int output = open(to, O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (output < 0) fail("create", to);
  ssize_t count;
  while ((count = read(input, buffer, sizeof buffer)) > 0) write_all(output, buffer, count, to);
  if (count < 0) fail("read", from);
  if (close(output) != 0) fail("write", to);
  close(input);
}

static int copy_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
  (void)status, (void)place;
  Path copy;
  join(copy, new, path + strlen(source));
  if (type == FTW_D) {
    if (mkdir(copy, 0755) != 0) fail("create", copy);
  } else if (type == FTW_F) {
    copy_file(path, copy);
  } else {
    errno = type == FTW_DNR ? EACCES : EINVAL; /* links and devices are in no directory of ours */
    fail("copy", path);
  }
  return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place) {
  (void)status, (void)type, (void)place;
  if (remove(path) != 0) fail("remove", path);
  return 0;
}

static void remove_tree(const char *path) {
  if (nftw(path, remove_entry, MAX_OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) fail("remove", path);
}

int main(int count, char **arguments) {
  if (count != 3) {
    fputs("usage: copy SOURCE TARGET\n", stderr);
    return 2;
  }
  umask(022);
  join(source, arguments[1], "");
  join(target, arguments[2], "");
  strip_slashes(source);
  strip_slashes(target);
  join(new, target, ".new");
  join(old, target, ".old");
  remove_tree(new);
  remove_tree(old);
  if (nftw(source, copy_entry, MAX_OPEN_DIRECTORIES, FTW_PHYS) != 0) fail("read", source);
  if (rename(target, old) != 0 && errno != ENOENT) fail("replace", target);
  if (rename(new, target) != 0) fail("create", target);
  remove_tree(old);
  return 0;
}
