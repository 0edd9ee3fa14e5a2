// Is this request head one that every HTTP implementation understands alike? (RFC 9112; the ways in which
// servers differ are those of "The HTTP Garden", arXiv 2405.17737.) Pure: fed with slices of the head as it
// stands in the read buffer.
//
// The server's parser forgives bare LF, folded headers and NUL, and hides them by writing zeros over them.
// They show in the addresses: between one slice and the next there must be exactly the separator that the
// standard asks for. What takes the place of a CR without changing a length stays invisible: NUL before LF,
// and a line of a colon and LF as the empty line.
#pragma once
#include "core/err.h"

enum { FORWARDED_LINES_MAX = 4 }; // one line for each proxy on the way; others join them into one

struct framing {
  // the facts, valid after framing_end() said ERR_NONE
  struct str host;                               // STR_NONE when absent (HTTP/1.0)
  struct str forwarded_for[FORWARDED_LINES_MAX]; // the last lines of X-Forwarded-For, in their order
  int n_forwarded;
  struct str content_type;
  bool has_length, chunked;
  int64_t content_length;
  // while checking
  const char *end; // where the next line must start
  int headers, hosts, lengths, encodings;
  bool bad;
};

// The request line. `method` must be where the head starts; of `target` only the place counts here.
void framing_begin(struct framing *f, struct str method, struct str target, struct str version);
void framing_header(struct framing *f, struct str name, struct str value);
// `head_bytes` counts from `method` to the end of the empty line. `authority` is the one that absolute
// targets must name.
enum err framing_end(struct framing *f, struct str method, struct str version, size_t head_bytes) MUST_CHECK;

// The path and query of a target: origin-form as it is; the absolute form of `authority` loses its beginning;
// everything else (foreign hosts, "*", "host:port", characters that may not stand there) is refused.
bool framing_target(struct str target, struct str authority, struct str *origin_form) MUST_CHECK;
