// One post's handle of libcurl and what it reads back; made once, used for many posts one after the other.
#pragma once
#include "net/hosts.h"
#include "net/target.h"

enum { CONNECT_TO_N = INET6_ADDRSTRLEN + 16 };

struct slot {
  const struct poster_options *options;
  int64_t *refusals; // counts them
  CURL *easy;
  CURLU *url;
  struct post *post; // NULL: free
  struct target target;
  struct host *host;         // NULL: the target is a literal
  size_t tried;              // addresses of the name that failed
  union net_address address; // of the name, where the connection goes
  int64_t begun_us;
  bool refused;  // a connection to a forbidden address was refused
  bool waits;    // for its name's lookup
  bool answered; // status line and headers of the final answer are complete
  size_t header_bytes, body_bytes, excerpt_n;
  struct slot *next, *prev; // in the list of free ones, or of those that wait for a lookup
  struct slot *next_made;
  struct curl_slist header_list[POST_HEADERS_MAX], connect_list;
  char header_text[POST_HEADER_BYTES_MAX + POST_HEADERS_MAX];
  char connect_to[CONNECT_TO_N];
  char excerpt[POST_EXCERPT_MAX];
};

struct slot *slot_create(const struct poster_options *o, CURLSH *share, int64_t *refusals);
void slot_free(struct slot *s);

// Makes it ready for a post that came at `now_us`.
void slot_take(struct slot *s, struct post *post, int64_t now_us);

// Sets the handle up to send the post within `left_ms`, to the next address of its name.
void slot_prepare(struct slot *s, int64_t left_ms);

// Is there another address to try after this one?
bool slot_has_more_addresses(const struct slot *s);

// What became of the post, by libcurl's word and what was read.
enum post_error slot_error(const struct slot *s, CURLcode code);

// Fills in the post's result.
void slot_result(struct slot *s, enum post_error error, int64_t now_us);
