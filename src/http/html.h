// What compiled templates (tools/template.c) put out with. Escaping is chosen by the value's type and by
// where it stands; a type that is not listed does not compile.
#pragma once
#include "base/str.h"

// HTML that C code has built and answers for, such as a QR code. It may stand in text only.
struct markup {
  struct str html;
};

void html_escape(struct buf *o,
                 struct str s); // & < > " ' become references: right for text and for quoted attributes
void html_escape_c(struct buf *o, const char *s);
void html_int(struct buf *o, int64_t v);
void html_markup(struct buf *o, struct markup m);
// A link: http, https, mailto, tron or relative; anything else (javascript:, data:, //host) gives "#".
void html_link(struct buf *o, struct str url);
void html_link_c(struct buf *o, const char *url);

#define html_text(o, x)                                                                                      \
  _Generic((x),                                                                                               \
      struct str: html_escape,                                                                                \
      const char *: html_escape_c,                                                                            \
      int: html_int,                                                                                          \
      int64_t: html_int,                                                                                      \
      struct markup: html_markup)((o), (x))

#define html_attr(o, x)                                                                                      \
  _Generic((x), struct str: html_escape, const char *: html_escape_c, int: html_int, int64_t: html_int)((o), (x))

#define html_url(o, x)                                                                                       \
  _Generic((x), struct str: html_link, const char *: html_link_c, int: html_int, int64_t: html_int)((o), (x))

static inline bool html_true_str(struct str s) {
  return s.n > 0;
}
static inline bool html_true_int(int64_t v) {
  return v != 0;
}
#define html_true(x)                                                                                         \
  _Generic((x), struct str                                                                                   \
           : html_true_str, bool                                                                             \
           : html_true_int, int                                                                              \
           : html_true_int, int64_t                                                                          \
           : html_true_int)(x)
