// Names and what they stand for at the moment. One lookup at a time per name: all who wait for it share the
// answer, and so do those who come within HOST_FRESH_US after it. The answer is judged as a whole: one
// address that is not allowed refuses the name.
#pragma once
#include "net/target.h"

#define HOST_FRESH_US INT64_C(5000000)

struct host {
  struct host *next;
  struct lookup *answer; // NULL: none yet
  enum post_error error; // of the answer
  int64_t fresh_until_us;
  bool asked;       // a lookup is under way
  size_t preferred; // index of the address to try first: where the last connection went
  size_t users;
  char name[HOST_NAME_MAX_N + 1];
};

struct hosts;

struct hosts *hosts_create(const struct poster_options *o, int event_fd);
void hosts_free(struct hosts *h);

// The name's entry, in use until hosts_release().
struct host *hosts_use(struct hosts *h, const char *name, int64_t now_us);
void hosts_release(struct host *host);

bool hosts_is_fresh(const struct host *host, int64_t now_us);

// Looks the name up unless that is going on already. False: impossible now.
bool hosts_ask(struct hosts *h, struct host *host);

// The next name whose answer has come; NULL: none.
struct host *hosts_answered(struct hosts *h, int64_t now_us);

// A connection to this address works: it is the one to try first.
void hosts_prefer(struct host *host, const union net_address *a);
