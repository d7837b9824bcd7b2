/* A disk that fails: put in front of the C library (LD_PRELOAD) of the process under test.
 *
 * It watches what changes below DISK_DIR, numbers from 1 every change, and among them every write and every
 * growth of a file, and every sync; and it keeps what is needed to take unsynced changes back. DISK_SIDE is a
 * directory beside it, on the same file system, for what is kept and for `count` (64-bit numbers: changes,
 * writes, growths, syncs). By DISK_MODE, at number DISK_AT of those that it concerns:
 *
 *   count  nothing fails
 *   drop   before the change: every unsynced change is taken back, as a disk that never wrote it would,
 *          names too (a created, renamed or removed name is durable once its directory was synced); then
 *          the process ends
 *   tear   half of the write is made, earlier unsynced changes stay; the process ends
 *   full   from the growth on nothing grows any more, but into what shrinking and removing set free,
 *          until DISK_SIDE/release exists; with number 0, once DISK_SIDE/full exists
 *   sync   the sync fails with EIO, once, and the bytes that it should have made durable are lost (names
 *          stay until the process ends)
 *
 * On a full disk others wait for room too: of what is set free, one part in DISK_SHARE (else all) is ours.
 * A file ending in -shm is shared memory, no file: it is let through.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { COUNT, DROP, TEAR, FULL, SYNC };

/* One change to take back: bytes that were there, or a name. */
struct change {
    enum { BYTES, CREATED, REMOVED, RENAMED, MADE } kind;
    struct change *before;
    ino_t where;            /* the file, or the directory of the name */
    off_t at, size, length; /* bytes: where, how large the file was, how many are kept */
    char *bytes, *name, *other;
};

/* A file that was written to, held open so that its inode number stays its own. */
struct file {
    struct file *next;
    ino_t inode;
    int fd;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char dir[PATH_MAX], side[PATH_MAX];
static size_t dir_length;
static enum mode mode;
enum { CHANGES, WRITES, GROWTHS, SYNCS };
static uint64_t at, *count, free_bytes;
static int full;
static uint64_t share = 1;
static unsigned kept;
static struct change *changes;
static struct file *files;

static int real_open(const char *path, int flags, mode_t bits) {
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, bits);
}

__attribute__((constructor)) static void begin(void) {
    const char *d = getenv("DISK_DIR"), *s = getenv("DISK_SIDE"), *m = getenv("DISK_MODE"), *n = getenv("DISK_AT");
    static uint64_t none[4];
    count = none;
    if (!d || !s || !m) return;
    snprintf(dir, sizeof dir, "%s", d);
    snprintf(side, sizeof side, "%s", s);
    dir_length = strlen(dir);
    at = n ? strtoull(n, NULL, 10) : 0;
    if (getenv("DISK_SHARE")) share = strtoull(getenv("DISK_SHARE"), NULL, 10);
    mode = !strcmp(m, "drop") ? DROP : !strcmp(m, "tear") ? TEAR : !strcmp(m, "full") ? FULL
         : !strcmp(m, "sync") ? SYNC : COUNT;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/count", side);
    int fd = real_open(path, O_RDWR | O_CREAT, 0600);
    if (fd >= 0 && syscall(SYS_ftruncate, fd, 32) == 0) {
        void *map = mmap(NULL, 32, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED) count = map;
    }
    if (fd >= 0) syscall(SYS_close, fd);
}

static int below(const char *path) {
    size_t length = strlen(path);
    return dir_length && !strncmp(path, dir, dir_length) && (path[dir_length] == '/' || !path[dir_length])
        && !(length > 4 && !strcmp(path + length - 4, "-shm"));
}

/* Whether the descriptor is a file or directory of ours. */
static int ours(int fd) {
    char link[40], path[PATH_MAX];
    if (!dir_length || fd < 3) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return below(path);
}

/* The absolute path of a name as a call gives it; empty where it is none of ours. */
static void resolve(int at_fd, const char *name, char *out) {
    char base[PATH_MAX], link[40];
    out[0] = 0;
    if (!name || !dir_length) return;
    if (name[0] == '/') {
        snprintf(out, PATH_MAX, "%s", name);
    } else {
        if (at_fd == AT_FDCWD) {
            if (!getcwd(base, sizeof base)) return;
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", at_fd);
            ssize_t length = readlink(link, base, sizeof base - 1);
            if (length <= 0) return;
            base[length] = 0;
        }
        if (snprintf(out, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) out[0] = 0;
    }
    if (!below(out)) out[0] = 0;
}

static ino_t parent(const char *path) {
    char copy[PATH_MAX];
    struct stat status;
    snprintf(copy, sizeof copy, "%s", path);
    char *slash = strrchr(copy, '/');
    if (slash) *slash = 0;
    return stat(copy, &status) ? 0 : status.st_ino;
}

static struct file *file_of(int fd) {
    struct stat status;
    char link[40];
    if (fstat(fd, &status) || !S_ISREG(status.st_mode)) return NULL;
    for (struct file *file = files; file; file = file->next)
        if (file->inode == status.st_ino) return file;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int own = real_open(link, O_RDWR | O_CLOEXEC, 0);
    if (own < 0) return NULL;
    struct file *file = calloc(1, sizeof *file);
    file->inode = status.st_ino;
    file->fd = own;
    file->next = files;
    return files = file;
}

static struct change *note(int kind, ino_t where) {
    struct change *change = calloc(1, sizeof *change);
    change->kind = kind;
    change->where = where;
    change->before = changes;
    return changes = change;
}

static off_t size_of(int fd) {
    struct stat status;
    return fstat(fd, &status) ? 0 : status.st_size;
}

/* Keeps what a change of these bytes overwrites. */
static void keep(int fd, off_t from, off_t length) {
    struct file *file = file_of(fd);
    if (!file) return;
    struct change *change = note(BYTES, file->inode);
    change->size = size_of(fd);
    change->at = from;
    change->length = from >= change->size ? 0 : from + length < change->size ? length : change->size - from;
    change->bytes = malloc((size_t)change->length + 1);
    off_t done = 0;
    while (done < change->length) {
        ssize_t got = syscall(SYS_pread64, file->fd, change->bytes + done, change->length - done, from + done);
        if (got <= 0) break;
        done += got;
    }
    change->length = done;
}

static void take_back(struct change *change) {
    switch (change->kind) {
    case BYTES:
        for (struct file *file = files; file; file = file->next) {
            if (file->inode != change->where) continue;
            off_t done = 0;
            while (done < change->length) {
                ssize_t put =
                    syscall(SYS_pwrite64, file->fd, change->bytes + done, change->length - done, change->at + done);
                if (put <= 0) break;
                done += put;
            }
            syscall(SYS_ftruncate, file->fd, change->size);
        }
        break;
    case CREATED:
        syscall(SYS_unlinkat, AT_FDCWD, change->name, 0);
        break;
    case REMOVED:
        syscall(SYS_renameat2, AT_FDCWD, change->other, AT_FDCWD, change->name, 0);
        break;
    case RENAMED:
        syscall(SYS_renameat2, AT_FDCWD, change->other, AT_FDCWD, change->name, 0);
        break;
    case MADE:
        syscall(SYS_unlinkat, AT_FDCWD, change->name, AT_REMOVEDIR);
        break;
    }
}

/* Forgets, or takes back, what is unsynced of one inode (0: of all). */
static void settle(ino_t where, int back) {
    struct change **link = &changes;
    while (*link) {
        struct change *change = *link;
        if (where && change->where != where) {
            link = &change->before;
            continue;
        }
        if (back) take_back(change);
        *link = change->before;
        free(change->bytes);
        free(change->name);
        free(change->other);
        free(change);
    }
}

static void end(void) {
    syscall(SYS_exit_group, 137);
}

/* Numbers a change; `drop` ends here. */
static void number(void) {
    if (++count[CHANGES] == at && mode == DROP) {
        settle(0, 1);
        end();
    }
}

/* Numbers a write; whether it is to be torn. */
static int torn_here(void) {
    number();
    return ++count[WRITES] == at && mode == TEAR;
}

/* Whether a full disk takes this much more; it does, or errno says why not. */
static int room(off_t growth) {
    char path[PATH_MAX + 16];
    if (growth <= 0) return 1;
    if (++count[GROWTHS] >= at && at && mode == FULL) full = 1;
    snprintf(path, sizeof path, "%s/full", side);
    if (!full && mode == FULL && !syscall(SYS_faccessat, AT_FDCWD, path, F_OK)) full = 1;
    if (!full) return 1;
    snprintf(path, sizeof path, "%s/release", side);
    if (!syscall(SYS_faccessat, AT_FDCWD, path, F_OK)) return 1;
    if ((uint64_t)growth > free_bytes) {
        errno = ENOSPC;
        return 0;
    }
    free_bytes -= (uint64_t)growth;
    return 1;
}

static off_t growth(int fd, off_t from, off_t length) {
    off_t size = size_of(fd);
    return from + length > size ? from + length - size : 0;
}

static off_t place(int fd) {
    int flags = (int)syscall(SYS_fcntl, fd, F_GETFL);
    return flags & O_APPEND ? size_of(fd) : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!ours(fd)) return syscall(SYS_write, fd, bytes, length);
    pthread_mutex_lock(&turn);
    ssize_t result = -1;
    int torn = torn_here();
    off_t from = place(fd);
    if (room(growth(fd, from, (off_t)length))) {
        keep(fd, from, (off_t)length);
        result = syscall(SYS_write, fd, bytes, torn ? length / 2 : length);
        if (torn) end();
    }
    pthread_mutex_unlock(&turn);
    return result;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t from) {
    if (!ours(fd)) return syscall(SYS_pwrite64, fd, bytes, length, from);
    pthread_mutex_lock(&turn);
    ssize_t result = -1;
    int torn = torn_here();
    if (room(growth(fd, from, (off_t)length))) {
        keep(fd, from, (off_t)length);
        result = syscall(SYS_pwrite64, fd, bytes, torn ? length / 2 : length, from);
        if (torn) end();
    }
    pthread_mutex_unlock(&turn);
    return result;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t from) {
    return pwrite64(fd, bytes, length, from);
}

ssize_t writev(int fd, const struct iovec *parts, int number_of) {
    if (!ours(fd)) return syscall(SYS_writev, fd, parts, number_of);
    /* A writer must take a short write; the first part is one. */
    for (int part = 0; part < number_of; part++)
        if (parts[part].iov_len) return write(fd, parts[part].iov_base, parts[part].iov_len);
    return 0;
}

ssize_t pwritev(int fd, const struct iovec *parts, int number_of, off_t from) {
    if (!ours(fd)) return syscall(SYS_pwritev, fd, parts, number_of, from, 0);
    for (int part = 0; part < number_of; part++)
        if (parts[part].iov_len) return pwrite64(fd, parts[part].iov_base, parts[part].iov_len, from);
    return 0;
}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t length, unsigned flags) {
    if (!ours(out)) return syscall(SYS_copy_file_range, in, in_at, out, out_at, length, flags);
    errno = ENOSYS;
    return -1;
}

int ftruncate64(int fd, off64_t length) {
    if (!ours(fd)) return (int)syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&turn);
    int result = -1;
    number();
    off_t size = size_of(fd);
    if (room(length - size)) {
        keep(fd, length, size > length ? size - length : 0);
        result = (int)syscall(SYS_ftruncate, fd, length);
        if (!result && full && length < size) free_bytes += (uint64_t)(size - length) / share;
    }
    pthread_mutex_unlock(&turn);
    return result;
}

int ftruncate(int fd, off_t length) {
    return ftruncate64(fd, length);
}

int fallocate64(int fd, int how, off64_t from, off64_t length) {
    if (!ours(fd)) return (int)syscall(SYS_fallocate, fd, how, from, length);
    errno = EOPNOTSUPP;
    return -1;
}

int fallocate(int fd, int how, off_t from, off_t length) {
    return fallocate64(fd, how, from, length);
}

int posix_fallocate64(int fd, off64_t from, off64_t length) {
    if (!ours(fd)) return (int)-syscall(SYS_fallocate, fd, 0, from, length);
    if (size_of(fd) >= from + length) return 0;
    return ftruncate64(fd, from + length) ? errno : 0;
}

int posix_fallocate(int fd, off_t from, off_t length) {
    return posix_fallocate64(fd, from, length);
}

static int synced(int fd, long call) {
    if (!ours(fd)) return (int)syscall(call, fd);
    pthread_mutex_lock(&turn);
    struct stat status;
    int result = -1;
    int known = !fstat(fd, &status);
    if (++count[SYNCS] == at && mode == SYNC) {
        if (known && !S_ISDIR(status.st_mode)) settle(status.st_ino, 1);
        errno = EIO;
    } else {
        /* Nothing is written through: what was synced is what is not taken back. */
        if (known) settle(status.st_ino, 0);
        result = 0;
    }
    pthread_mutex_unlock(&turn);
    return result;
}

int fsync(int fd) {
    return synced(fd, SYS_fsync);
}

int fdatasync(int fd) {
    return synced(fd, SYS_fdatasync);
}

/* A second name for a file that is about to lose its own. */
static char *second(const char *path) {
    char name[PATH_MAX + 32];
    snprintf(name, sizeof name, "%s/kept.%u", side, kept++);
    return syscall(SYS_linkat, AT_FDCWD, path, AT_FDCWD, name, 0) ? NULL : strdup(name);
}

static int opened(int at_fd, const char *name, int flags, mode_t bits) {
    char path[PATH_MAX];
    resolve(at_fd, name, path);
    if (!path[0] || !(flags & (O_CREAT | O_TRUNC))) return (int)syscall(SYS_openat, at_fd, name, flags, bits);
    pthread_mutex_lock(&turn);
    struct stat status;
    int there = !stat(path, &status);
    if (there && (flags & O_TRUNC) && S_ISREG(status.st_mode) && status.st_size) {
        number();
        int fd = real_open(path, O_RDWR | O_CLOEXEC, 0);
        if (fd >= 0) {
            keep(fd, 0, status.st_size);
            syscall(SYS_close, fd);
        }
        if (full) free_bytes += (uint64_t)status.st_size / share;
    }
    if (!there && (flags & O_CREAT)) {
        number();
        struct change *change = note(CREATED, parent(path));
        change->name = strdup(path);
    }
    int result = (int)syscall(SYS_openat, at_fd, name, flags, bits);
    pthread_mutex_unlock(&turn);
    return result;
}

static mode_t bits_of(int flags, va_list rest) {
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

#define OPEN(name)                                                                                                \
    int name(const char *path, int flags, ...) {                                                                  \
        va_list rest;                                                                                             \
        va_start(rest, flags);                                                                                    \
        mode_t bits = bits_of(flags, rest);                                                                       \
        va_end(rest);                                                                                             \
        return opened(AT_FDCWD, path, flags, bits);                                                               \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                              \
    int name(int at_fd, const char *path, int flags, ...) {                                                       \
        va_list rest;                                                                                             \
        va_start(rest, flags);                                                                                    \
        mode_t bits = bits_of(flags, rest);                                                                       \
        va_end(rest);                                                                                             \
        return opened(at_fd, path, flags, bits);                                                                  \
    }
OPENAT(openat)
OPENAT(openat64)

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    char old[PATH_MAX], new[PATH_MAX];
    resolve(from_fd, from, old);
    resolve(to_fd, to, new);
    if (!old[0] || !new[0]) return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
    pthread_mutex_lock(&turn);
    number();
    char *other = second(new);
    int result = (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
    if (!result) {
        struct change *change;
        /* Taken back in reverse: first the new name returns to the old, then what stood there comes back. */
        if (other) {
            change = note(REMOVED, parent(new));
            change->name = strdup(new);
            change->other = other;
        }
        change = note(RENAMED, parent(new));
        change->name = strdup(old);
        change->other = strdup(new);
    }
    pthread_mutex_unlock(&turn);
    return result;
}

int rename(const char *from, const char *to) {
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

int unlinkat(int at_fd, const char *name, int flags) {
    char path[PATH_MAX];
    struct stat status;
    resolve(at_fd, name, path);
    if (!path[0] || (flags & AT_REMOVEDIR)) return (int)syscall(SYS_unlinkat, at_fd, name, flags);
    pthread_mutex_lock(&turn);
    number();
    int there = !stat(path, &status);
    char *other = second(path);
    int result = (int)syscall(SYS_unlinkat, at_fd, name, flags);
    if (!result && other) {
        struct change *change = note(REMOVED, parent(path));
        change->name = strdup(path);
        change->other = other;
    }
    if (!result && there && full) free_bytes += (uint64_t)status.st_size / share;
    pthread_mutex_unlock(&turn);
    return result;
}

int unlink(const char *name) {
    return unlinkat(AT_FDCWD, name, 0);
}

int mkdirat(int at_fd, const char *name, mode_t bits) {
    char path[PATH_MAX];
    resolve(at_fd, name, path);
    if (!path[0]) return (int)syscall(SYS_mkdirat, at_fd, name, bits);
    pthread_mutex_lock(&turn);
    number();
    int result = (int)syscall(SYS_mkdirat, at_fd, name, bits);
    if (!result) {
        struct change *change = note(MADE, parent(path));
        change->name = strdup(path);
    }
    pthread_mutex_unlock(&turn);
    return result;
}

int mkdir(const char *name, mode_t bits) {
    return mkdirat(AT_FDCWD, name, bits);
}
