/* Fails the n-th call of one kind that touches a file below a folder, when preloaded and armed.
 *
 * labeltui_arm(folder, kind, nth, error, rest): kind -1 only counts; rest != 0 fails all later calls of that kind as well.
 * labeltui_count(kind): calls of that kind since it was armed.
 * Kinds: 0 write, 1 sync, 2 rename, 3 open for writing, 4 truncate. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[4096];
static int kind_armed = -2, error_told, rest_too;
static long nth_armed, counts[5];

void labeltui_arm(const char *below, int kind, long nth, int error, int rest)
{
    strncpy(folder, below, sizeof folder - 1);
    memset(counts, 0, sizeof counts);
    nth_armed = nth, error_told = error, rest_too = rest, kind_armed = kind;
}

long labeltui_count(int kind) { return counts[kind]; }

static int fails(int kind, const char *path)
{
    if (kind_armed == -2 || path == NULL || strncmp(path, folder, strlen(folder)) != 0)
        return 0;
    long now = __sync_add_and_fetch(&counts[kind], 1);
    if (kind != kind_armed || (now != nth_armed && !(rest_too && now > nth_armed)))
        return 0;
    errno = error_told;
    return 1;
}

static int fails_fd(int kind, int fd)
{
    char link[64], path[4096];
    if (kind_armed == -2)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return fails(kind, path);
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    return fails_fd(0, fd) ? -1 : real(fd, data, size);
}
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    return fails_fd(0, fd) ? -1 : real(fd, parts, count);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    return fails_fd(0, fd) ? -1 : real(fd, data, size, at);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return fails_fd(0, fd) ? -1 : real(fd, data, size, at);
}
int fsync(int fd)
{
    REAL(int, "fsync", int);
    return fails_fd(1, fd) ? -1 : real(fd);
}
int fdatasync(int fd)
{
    REAL(int, "fdatasync", int);
    return fails_fd(1, fd) ? -1 : real(fd);
}
int rename(const char *from, const char *to)
{
    REAL(int, "rename", const char *, const char *);
    return fails(2, to) ? -1 : real(from, to);
}
int renameat(int a, const char *from, int b, const char *to)
{
    REAL(int, "renameat", int, const char *, int, const char *);
    return fails(2, to) ? -1 : real(a, from, b, to);
}
int ftruncate(int fd, off_t size)
{
    REAL(int, "ftruncate", int, off_t);
    return fails_fd(4, fd) ? -1 : real(fd, size);
}
int ftruncate64(int fd, off64_t size)
{
    REAL(int, "ftruncate64", int, off64_t);
    return fails_fd(4, fd) ? -1 : real(fd, size);
}

#define OPENING(name, before, given) \
    { \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && fails(3, path)) return -1; \
        return real given; \
    }
int open(const char *path, int flags, ...)
{ REAL(int, "open", const char *, int, ...); OPENING("open", , (path, flags, mode)) }
int open64(const char *path, int flags, ...)
{ REAL(int, "open64", const char *, int, ...); OPENING("open64", , (path, flags, mode)) }
int openat(int where, const char *path, int flags, ...)
{ REAL(int, "openat", int, const char *, int, ...); OPENING("openat", , (where, path, flags, mode)) }
int openat64(int where, const char *path, int flags, ...)
{ REAL(int, "openat64", int, const char *, int, ...); OPENING("openat64", , (where, path, flags, mode)) }
