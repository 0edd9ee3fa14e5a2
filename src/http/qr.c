#include "http/qr.h"

#include <qrencode.h>

enum { QUIET = 4, SVG_MAX = 64 * 1024 };

static bool is_dark(const QRcode *q, int x, int y) {
  return q->data[y * q->width + x] & 1;
}

// One run of dark modules of a row after the other: relative moves keep it short.
static void put_path(struct buf *o, const QRcode *q) {
  for (int y = 0; y < q->width; y++) {
    int run = 0;
    for (int x = 0; x < q->width; x += run ? run : 1) {
      for (run = 0; x + run < q->width && is_dark(q, x + run, y); run++)
        ;
      if (run)
        buf_printf(o, "M%d %dh%dv1h-%dz", x + QUIET, y + QUIET, run, run);
    }
  }
}

struct markup qr_svg(struct arena *a, struct str text) {
  QRcode *q = QRcode_encodeString8bit(str_c(a, text), 0, QR_ECLEVEL_M);
  if (!q)
    return (struct markup){STR_NONE};
  struct buf o;
  buf_init(&o, a, SVG_MAX);
  int side = q->width + 2 * QUIET;
  buf_printf(&o,
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\"",
             side, side);
  buf_printf(&o, " aria-hidden=\"true\"><path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"",
             side, side);
  put_path(&o, q);
  buf_c(&o, "\"/></svg>");
  QRcode_free(q);
  return (struct markup){o.full ? STR_NONE : buf_view(&o)};
}
