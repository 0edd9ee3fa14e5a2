// QR codes as inline SVG: error correction M, quiet zone of 4 modules, always dark on light, one path.
#pragma once
#include "http/html.h"

// Empty markup where the text does not fit into a QR code (about 2 300 bytes) or memory is short.
struct markup qr_svg(struct arena *a, struct str text);
