// Changes of projects, keys and addresses: one at a time among all nodes, and every node hears of each.
//
// A count in the database goes up in the transaction of each change. Where others use the database too, a
// node looks at it each second, and is told at once where messages arrive (store/notify.h): then it forgets
// the keys, projects and address lists that it holds in memory. While it could not look for
// CONFIGURATION_STALE_US, because it was paused or the database was out of reach, what it holds counts for
// nothing. Internal to flow/, but for following and hearing.
#pragma once
#include "flow/env.h"

enum { CONFIGURATION_STALE_US = 5000000 };

// job.key of every such change: two of them never run in the same batch.
#define CONFIGURATION_KEY UINT64_MAX

// The first statement of a job that reads the configuration in order to change it: what is read after it
// stays as it is until the commit. It has a result: its index is 0.
void configuration_lock(struct job *j);
void configuration_count(struct job *j); // with the writes

// After the commit: this node forgets, the others are told.
void configuration_committed(const struct env *env);

// Another node has changed something: forgets. From any thread.
void configuration_heard(const struct env *env);

// Looks whether another node has changed something. To be called each second where store_shared(), by one
// thread (daemon/messages.h).
void configuration_follow(struct env *env, struct arena *a);

// May this node rely on what it holds in memory?
bool configuration_is_fresh(const struct env *env);
