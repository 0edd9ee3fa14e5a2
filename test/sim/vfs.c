#include "vfs.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  SECTOR = 512,
  FILES_MAX = 16,
  NAME_MAX_BYTES = 64,
  SHM_REGIONS_MAX = 32,
  SHM_LOCKS = SQLITE_SHM_NLOCK
};

enum dirty {
  CLEAN,
  DIRTY,
  FORGOTTEN
}; // forgotten: a failed sync has not written it, and the next one will not either

struct file {
  char name[NAME_MAX_BYTES];          // empty: the slot is free
  unsigned char *data, *disk, *dirty; // dirty: enum dirty, one byte a sector
  size_t n, disk_n, cap;
  int opened;
  bool temporary, gone; // gone: deleted, but that has not reached the disk
  // locks of a database file
  int shared, reserved, exclusive;
  // the WAL index, shared by all connections
  unsigned char *shm[SHM_REGIONS_MAX];
  int shm_shared[SHM_LOCKS];
  bool shm_exclusive[SHM_LOCKS];
};

struct handle {
  sqlite3_file base;
  struct file *file;
  int lock;
  unsigned shm_shared, shm_exclusive; // masks of what this connection holds
};

struct vfs vfs;
static struct file files[FILES_MAX];

static void die(const char *why) {
  fprintf(stderr, "vfs: %s\n", why);
  abort();
}

// ---- faults ----------------------------------------------------------------------------------------------

static bool fails(enum vfs_fault kind) {
  if (vfs.trusted)
    return false;
  if (vfs.fault_left[kind] > 0 && vfs.fault_in[kind] == 0) {
    vfs.fault_left[kind]--;
    vfs.fired[kind]++;
    return true;
  }
  if (vfs.fault_in[kind] == 0 || --vfs.fault_in[kind] > 0)
    return false;
  vfs.fired[kind]++;
  vfs.begun[kind]++;
  return true;
}

// An operation that changes something: is the machine off, does it go off now?
static bool is_dead(void) {
  if (!vfs.dead && fails(FAULT_CRASH))
    vfs.dead = true;
  return vfs.dead && !vfs.trusted;
}

void vfs_fail(enum vfs_fault kind, int in, int times) {
  vfs.fault_in[kind] = in;
  vfs.fault_left[kind] = times - 1;
}

void vfs_calm(void) {
  memset(vfs.fault_in, 0, sizeof vfs.fault_in);
  memset(vfs.fault_left, 0, sizeof vfs.fault_left);
}

int64_t vfs_begun(void) {
  int64_t n = 0;
  for (int i = 0; i < VFS_FAULTS; i++)
    n += vfs.begun[i];
  return n;
}

int64_t vfs_fired(void) {
  int64_t n = 0;
  for (int i = 0; i < VFS_FAULTS; i++)
    n += vfs.fired[i];
  return n;
}

// ---- files -----------------------------------------------------------------------------------------------

static size_t sectors(size_t n) {
  return (n + SECTOR - 1) / SECTOR;
}

static void reserve(struct file *f, size_t n) {
  if (n <= f->cap)
    return;
  size_t cap = f->cap ? f->cap : 1 << 16;
  while (cap < n)
    cap *= 2;
  f->data = realloc(f->data, cap);
  f->disk = realloc(f->disk, cap);
  f->dirty = realloc(f->dirty, sectors(cap));
  if (!f->data || !f->disk || !f->dirty)
    die("out of memory");
  memset(f->data + f->cap, 0, cap - f->cap);
  memset(f->disk + f->cap, 0, cap - f->cap);
  memset(f->dirty + sectors(f->cap), 0, sectors(cap) - sectors(f->cap));
  f->cap = cap;
}

// Keeps the memory for the next run; what lies behind the end is nobody's business.
static void empty(struct file *f) {
  memset(f->dirty, CLEAN, sectors(f->n > f->disk_n ? f->n : f->disk_n));
  f->n = f->disk_n = 0;
  f->gone = false;
}

static void drop_shm(struct file *f) {
  for (int i = 0; i < SHM_REGIONS_MAX; i++) {
    free(f->shm[i]);
    f->shm[i] = NULL;
  }
  memset(f->shm_shared, 0, sizeof f->shm_shared);
  memset(f->shm_exclusive, 0, sizeof f->shm_exclusive);
}

static struct file *find(const char *name) {
  for (int i = 0; i < FILES_MAX; i++)
    if (files[i].name[0] && strcmp(files[i].name, name) == 0)
      return &files[i];
  return NULL;
}

static struct file *make(const char *name) {
  for (int i = 0; i < FILES_MAX; i++)
    if (!files[i].name[0]) {
      struct file *f = &files[i];
      snprintf(f->name, sizeof f->name, "%s", name);
      reserve(f, 1);
      empty(f);
      return f;
    }
  die("too many files");
  return NULL;
}

static bool exists(const struct file *f) {
  return f && !f->gone;
}

void vfs_clear(void) {
  for (int i = 0; i < FILES_MAX; i++) {
    struct file *f = &files[i];
    if (!f->name[0])
      continue;
    if (f->opened)
      die("a file is still open");
    empty(f);
    drop_shm(f);
    f->shared = f->reserved = f->exclusive = 0;
    f->name[0] = 0;
    f->temporary = false;
  }
  vfs.dead = vfs.trusted = false;
  vfs_calm();
}

void vfs_save(const char *name, void **bytes, size_t *n) {
  const struct file *f = find(name);
  if (!f)
    die("no such file to save");
  *n = f->n;
  *bytes = malloc(f->n);
  if (!*bytes)
    die("out of memory");
  memcpy(*bytes, f->data, f->n);
}

void vfs_load(const char *name, const void *bytes, size_t n) {
  struct file *f = make(name);
  reserve(f, n + SECTOR);
  memcpy(f->data, bytes, n);
  memcpy(f->disk, bytes, n);
  f->n = f->disk_n = n;
}

void vfs_crash(void) {
  vfs.fired[FAULT_CRASH]++;
  vfs.begun[FAULT_CRASH]++;
  vfs.dead = true;
}

// What was never written between the old end and the new one is zeros.
static void to_disk(struct file *f, size_t at, size_t n) {
  size_t end = at + n < f->n ? at + n : f->n;
  if (at > f->disk_n)
    memset(f->disk + f->disk_n, 0, at - f->disk_n);
  memcpy(f->disk + at, f->data + at, n);
  if (end > f->disk_n)
    f->disk_n = end;
}

enum left { LEFT_ALL, LEFT_BEGINNING, LEFT_RANDOM };

// A dirty sector is kept, lost or torn; false: nothing after it was written.
static bool settle_sector(struct file *f, size_t s, enum left left) {
  size_t at = s * SECTOR, n = SECTOR;
  uint64_t coin = left == LEFT_ALL ? 3 : rng_next(&vfs.rng);
  bool ends = left == LEFT_BEGINNING && coin % 32 == 7;
  if (left == LEFT_RANDOM && coin % 8 < 3)
    return true;
  if (ends || (left == LEFT_RANDOM && coin % 8 == 7))
    n = (size_t)(coin >> 8) % SECTOR;
  to_disk(f, at, n);
  return !ends;
}

static void settle_unsynced(struct file *f, enum left left) {
  size_t all = sectors(f->n);
  for (size_t s = 0; s < all; s++)
    if (f->dirty[s] == DIRTY && !settle_sector(f, s, left))
      return;
}

// Also what was cut off without a sync is there again.
static void from_disk(struct file *f) {
  size_t all = sectors(f->n > f->disk_n ? f->n : f->disk_n);
  for (size_t s = 0; s < all; s++)
    if (f->dirty[s] != CLEAN || (s + 1) * SECTOR > f->n)
      memcpy(f->data + s * SECTOR, f->disk + s * SECTOR, SECTOR);
  memset(f->dirty, CLEAN, all);
}

// A file that was deleted, or cut, without a sync of its folder may still be there as it was.
void vfs_revive(void) {
  int64_t coin = rng_below(&vfs.rng, 10);
  enum left left = coin < 4 ? LEFT_ALL : coin < 6 ? LEFT_BEGINNING : LEFT_RANDOM;
  for (int i = 0; i < FILES_MAX; i++) {
    struct file *f = &files[i];
    if (!f->name[0])
      continue;
    if (f->opened)
      die("a file is open over a crash");
    bool deleted = f->temporary || (f->gone && rng_percent(&vfs.rng, 50));
    if (!deleted && !f->gone)
      settle_unsynced(f, left);
    if (deleted) {
      empty(f);
      f->name[0] = 0;
    } else {
      from_disk(f);
      f->n = f->disk_n;
      f->gone = false;
    }
    drop_shm(f);
    f->shared = f->reserved = f->exclusive = 0;
    f->temporary = false;
  }
  vfs.dead = false;
  vfs_calm();
}

// ---- methods of an open file -----------------------------------------------------------------------------

static struct file *file_of(sqlite3_file *h) {
  return ((struct handle *)h)->file;
}

static int file_close(sqlite3_file *base) {
  struct file *f = file_of(base);
  f->opened--;
  if (f->temporary && !f->opened) {
    empty(f);
    f->name[0] = 0;
    f->temporary = false;
  }
  return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *out, int amount, sqlite3_int64 offset) {
  const struct file *f = file_of(base);
  size_t at = (size_t)offset, n = (size_t)amount;
  if ((vfs.dead && !vfs.trusted) || fails(FAULT_READ))
    return SQLITE_IOERR_READ;
  size_t there = at >= f->n ? 0 : f->n - at < n ? f->n - at : n;
  memcpy(out, f->data + at, there);
  memset((char *)out + there, 0, n - there);
  return there == n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static void put(struct file *f, size_t at, const void *p, size_t n) {
  if (n == 0)
    return;
  reserve(f, at + n + SECTOR);
  if (at > f->n)
    memset(f->data + f->n, 0, at - f->n);
  memcpy(f->data + at, p, n);
  memset(f->dirty + at / SECTOR, DIRTY, (at + n - 1) / SECTOR - at / SECTOR + 1);
  if (at + n > f->n)
    f->n = at + n;
}

static int file_write(sqlite3_file *base, const void *p, int amount, sqlite3_int64 offset) {
  struct file *f = file_of(base);
  size_t n = (size_t)amount;
  if (is_dead())
    return SQLITE_IOERR_WRITE;
  bool error = fails(FAULT_WRITE), full = fails(FAULT_FULL);
  if (error || full)
    n = (size_t)rng_below(&vfs.rng, amount); // a part got through
  put(f, (size_t)offset, p, n);
  return error ? SQLITE_IOERR_WRITE : full ? SQLITE_FULL : SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
  struct file *f = file_of(base);
  if (is_dead() || fails(FAULT_WRITE))
    return SQLITE_IOERR_TRUNCATE;
  if ((size_t)size < f->n) {
    memset(f->data + size, 0, f->n - (size_t)size);
    f->n = (size_t)size;
  }
  return SQLITE_OK;
}

static void flush(struct file *f, bool in_part) {
  size_t all = sectors(f->n);
  for (size_t s = 0; s < all; s++) {
    if (f->dirty[s] != DIRTY)
      continue;
    bool written = !in_part || rng_percent(&vfs.rng, 50);
    if (written)
      to_disk(f, s * SECTOR, SECTOR);
    f->dirty[s] = written ? CLEAN : FORGOTTEN;
  }
  if (!in_part)
    f->disk_n = f->n;
}

static int file_sync(sqlite3_file *base, int flags) {
  struct file *f = file_of(base);
  (void)flags;
  if (is_dead())
    return SQLITE_IOERR_FSYNC;
  bool failed = fails(FAULT_SYNC);
  flush(f, failed);
  if (!failed && fails(FAULT_CRASH_SYNCED)) {
    vfs.dead = true;
    return SQLITE_IOERR_FSYNC;
  }
  return failed ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
  *size = (sqlite3_int64)file_of(base)->n;
  return SQLITE_OK;
}

// ---- locks -----------------------------------------------------------------------------------------------

static int file_lock(sqlite3_file *base, int level) {
  struct handle *h = (struct handle *)base;
  struct file *f = h->file;
  if (h->lock >= level)
    return SQLITE_OK;
  bool others_shared = f->shared > (h->lock >= SQLITE_LOCK_SHARED);
  bool others_reserved = f->reserved && h->lock < SQLITE_LOCK_RESERVED;
  if (level == SQLITE_LOCK_SHARED && f->exclusive)
    return SQLITE_BUSY;
  if (level >= SQLITE_LOCK_RESERVED && others_reserved)
    return SQLITE_BUSY;
  if (level == SQLITE_LOCK_EXCLUSIVE && others_shared)
    return SQLITE_BUSY;
  f->shared += h->lock < SQLITE_LOCK_SHARED;
  f->reserved |= level >= SQLITE_LOCK_RESERVED;
  f->exclusive |= level == SQLITE_LOCK_EXCLUSIVE;
  h->lock = level;
  return SQLITE_OK;
}

static int file_unlock(sqlite3_file *base, int level) {
  struct handle *h = (struct handle *)base;
  struct file *f = h->file;
  if (h->lock <= level)
    return SQLITE_OK;
  if (h->lock >= SQLITE_LOCK_RESERVED)
    f->reserved = 0;
  if (h->lock == SQLITE_LOCK_EXCLUSIVE)
    f->exclusive = 0;
  if (level == SQLITE_LOCK_NONE)
    f->shared--;
  h->lock = level;
  return SQLITE_OK;
}

static int file_reserved(sqlite3_file *base, int *reserved) {
  *reserved = file_of(base)->reserved;
  return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *arg) {
  (void)base;
  (void)op;
  (void)arg;
  return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *base) {
  (void)base;
  return SECTOR;
}

static int file_traits(sqlite3_file *base) {
  (void)base;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE; // what SQLite assumes on Linux: bytes beside those written stay
}

// ---- the WAL index ---------------------------------------------------------------------------------------

static int shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **out) {
  struct file *f = file_of(base);
  *out = NULL;
  if (region >= SHM_REGIONS_MAX)
    return SQLITE_IOERR_SHMMAP;
  if (!f->shm[region] && extend && !(f->shm[region] = calloc(1, (size_t)size)))
    die("out of memory");
  *out = f->shm[region];
  return SQLITE_OK;
}

static int shm_unlock(struct handle *h, unsigned mask) {
  for (int i = 0; i < SHM_LOCKS; i++) {
    if (mask & h->shm_shared & (1u << i))
      h->file->shm_shared[i]--;
    if (mask & h->shm_exclusive & (1u << i))
      h->file->shm_exclusive[i] = false;
  }
  h->shm_shared &= ~mask;
  h->shm_exclusive &= ~mask;
  return SQLITE_OK;
}

static int shm_lock(sqlite3_file *base, int offset, int n, int flags) {
  struct handle *h = (struct handle *)base;
  struct file *f = h->file;
  unsigned mask = ((1u << n) - 1u) << offset;
  if (flags & SQLITE_SHM_UNLOCK)
    return shm_unlock(h, mask);
  bool exclusive = flags & SQLITE_SHM_EXCLUSIVE;
  for (int i = offset; i < offset + n; i++) {
    bool mine = h->shm_shared & (1u << i);
    if ((f->shm_exclusive[i] && !(h->shm_exclusive & (1u << i))) || (exclusive && f->shm_shared[i] > mine))
      return SQLITE_BUSY;
  }
  for (int i = offset; i < offset + n; i++) {
    if (exclusive)
      f->shm_exclusive[i] = true;
    else if (!(h->shm_shared & (1u << i)))
      f->shm_shared[i]++;
  }
  if (exclusive)
    h->shm_exclusive |= mask;
  else
    h->shm_shared |= mask;
  return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *base) {
  (void)base;
}

static int shm_unmap(sqlite3_file *base, int delete) {
  struct handle *h = (struct handle *)base;
  shm_unlock(h, ~0u);
  if (delete)
    drop_shm(h->file);
  return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_traits,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

// ---- the file system -------------------------------------------------------------------------------------

static int fs_open(sqlite3_vfs *self, const char *name, sqlite3_file *base, int flags, int *out_flags) {
  struct handle *h = (struct handle *)base;
  static int temporary;
  char own[NAME_MAX_BYTES];
  (void)self;
  *h = (struct handle){0};
  if (vfs.dead && !vfs.trusted)
    return SQLITE_CANTOPEN;
  if (!name) {
    snprintf(own, sizeof own, "temporary-%d", temporary++);
    name = own;
  }
  struct file *f = find(name);
  if (!exists(f) && !(flags & SQLITE_OPEN_CREATE))
    return SQLITE_CANTOPEN;
  if (f && f->gone)
    empty(f);
  if (!f)
    f = make(name);
  f->temporary = name == own;
  f->opened++;
  h->file = f;
  h->base.pMethods = &methods;
  if (out_flags)
    *out_flags = flags;
  return SQLITE_OK;
}

static int fs_delete(sqlite3_vfs *self, const char *name, int sync_folder) {
  struct file *f = find(name);
  (void)self;
  if (is_dead())
    return SQLITE_IOERR_DELETE;
  if (!exists(f))
    return SQLITE_IOERR_DELETE_NOENT;
  if (sync_folder) {
    empty(f);
    f->name[0] = f->opened ? f->name[0] : 0;
  }
  f->gone = !sync_folder;
  return SQLITE_OK;
}

static int fs_access(sqlite3_vfs *self, const char *name, int flags, int *there) {
  (void)self;
  (void)flags;
  *there = exists(find(name));
  return SQLITE_OK;
}

static int fs_full_name(sqlite3_vfs *self, const char *name, int n, char *out) {
  (void)self;
  sqlite3_snprintf(n, out, "%s", name);
  return SQLITE_OK;
}

static int fs_randomness(sqlite3_vfs *self, int n, char *out) {
  (void)self;
  rng_bytes(&vfs.rng, out, (size_t)n);
  return n;
}

static int fs_sleep(sqlite3_vfs *self, int microseconds) {
  (void)self;
  return microseconds;
}

static int fs_time(sqlite3_vfs *self,
                   sqlite3_int64 *out) { // milliseconds since the beginning of the Julian calendar
  (void)self;
  *out = vfs.now_us / 1000 + INT64_C(210866760000000);
  return SQLITE_OK;
}

static int fs_last_error(sqlite3_vfs *self, int n, char *out) {
  (void)self;
  if (n)
    *out = 0;
  return 0;
}

void vfs_register(void) {
  static sqlite3_vfs it = {
      .iVersion = 2,
      .szOsFile = sizeof(struct handle),
      .mxPathname = NAME_MAX_BYTES,
      .zName = VFS_NAME,
      .xOpen = fs_open,
      .xDelete = fs_delete,
      .xAccess = fs_access,
      .xFullPathname = fs_full_name,
      .xRandomness = fs_randomness,
      .xSleep = fs_sleep,
      .xGetLastError = fs_last_error,
      .xCurrentTimeInt64 = fs_time,
  };
  sqlite3_vfs_register(&it, 0);
}
