/* Put in front of the C library with LD_PRELOAD: another disk for the program, slower and without mercy.

   SYNC_MS    milliseconds that each sync takes longer.
   SYNC_DISK  a folder that holds what a power cut would leave: of each file, a copy made at the end of its newest sync. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read through the descriptor of the program: to open and close its file once more would end its locks. */
static int keep(int fd) {
    const char *disk = getenv("SYNC_DISK");
    char self[64], path[4096], begun[4200], kept[4200], block[65536];
    struct stat file;
    ssize_t size;
    off_t at = 0;
    if (disk == NULL || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return 0;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if ((size = readlink(self, path, sizeof path - 1)) < 0) return -1;
    path[size] = 0;
    snprintf(kept, sizeof kept, "%s%s", disk, strrchr(path, '/'));
    snprintf(begun, sizeof begun, "%s.%d", kept, fd);
    int copy = open(begun, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    while ((size = pread(fd, block, sizeof block, at)) > 0 && write(copy, block, size) == size) at += size;
    close(copy);
    return size == 0 ? rename(begun, kept) : -1;
}

static int slowly(const char *name, int fd) {
    int (*sync)(int) = dlsym(RTLD_NEXT, name);
    const char *ms = getenv("SYNC_MS");
    if (ms != NULL) usleep(atof(ms) * 1000);
    int result = sync(fd);
    return result == 0 ? keep(fd) : result;
}

int fdatasync(int fd) { return slowly("fdatasync", fd); }
int fsync(int fd) { return slowly("fsync", fd); }
