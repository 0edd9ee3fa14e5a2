// A file system for SQLite that lives in memory and fails when it is told to.
//
// Each file has what was written and what has reached the disk. A crash keeps of the sectors that were not
// synced a random part: kept, lost or torn. A failed sync may have written some of them and forgets the rest,
// as Linux does. Everything is used on one thread; connections of one process share the memory of the WAL
// index.
#pragma once
#include "random.h"

#include <sqlite3.h>

#define VFS_NAME "sim"

enum vfs_fault {
  FAULT_READ,         // I/O error
  FAULT_WRITE,        // I/O error after a part was written
  FAULT_SYNC,         // I/O error; what was not synced may be lost, or not
  FAULT_FULL,         // the disk is full
  FAULT_CRASH,        // the machine stops
  FAULT_CRASH_SYNCED, // it stops just after a sync: what is committed has not been answered
  VFS_FAULTS
};

struct vfs {
  struct rng rng;             // what a crash keeps; WAL salts
  int64_t now_us;             // the engine's clock
  bool trusted;               // the checker reads: no faults
  bool dead;                  // after a crash, until vfs_revive(): nothing reaches the disk any more
  int fault_in[VFS_FAULTS];   // operations of that kind until it fails; 0: does not
  int fault_left[VFS_FAULTS]; // further operations that fail too
  int64_t fired[VFS_FAULTS];  // operations that have failed so far
  int64_t begun[VFS_FAULTS];  // faults: several failures in a row are one
};

extern struct vfs vfs; // one in the process: SQLite finds it by name

void vfs_register(void);
void vfs_clear(void); // no faults, no files
void vfs_calm(void);  // takes back all faults that have not fired yet
int64_t vfs_begun(void);
int64_t vfs_fired(void); // all faults so far
void vfs_fail(enum vfs_fault kind, int in, int times);
void vfs_crash(void);  // now
void vfs_revive(void); // decides what the crash has left; all connections must be closed

// A file's bytes, to start other runs with.
void vfs_save(const char *name, void **bytes, size_t *n);
void vfs_load(const char *name, const void *bytes, size_t n);
