// Money: USDT in whole millionths, in a struct of its own so that the compiler refuses to mix it with other
// numbers. All arithmetic is checked; there is no floating point anywhere in this project.
#pragma once
#include "core/err.h"

#include <stdint.h>

struct usdt {
  int64_t micro; // 10⁻⁶ USDT
};

#define USDT_MICRO  1000000
#define USDT(whole) ((struct usdt){(int64_t)(whole)*USDT_MICRO})

// Checked: false on overflow, *out is untouched then.
bool usdt_add(struct usdt a, struct usdt b, struct usdt *out) MUST_CHECK;
bool usdt_sub(struct usdt a, struct usdt b, struct usdt *out) MUST_CHECK;
int usdt_cmp(struct usdt a, struct usdt b); // <0, 0, >0

// Parses an amount as the API takes it (spec: digits, optionally a point and 1–6 digits). `*scale` is the
// number of decimals written. ERR_AMOUNT_FORMAT, ERR_AMOUNT_DECIMALS, ERR_AMOUNT_ZERO (also for negatives, as
// documented), ERR_AMOUNT_MAX where it does not fit into int64.
enum err usdt_parse(struct str text, struct usdt *out, int *scale) MUST_CHECK;

// "50.00": `scale` decimals, at least 2, at most 6; a longer fraction that is not zero is shown in full.
void usdt_format(struct buf *out, struct usdt v, int scale);
struct str usdt_text(struct arena *a, struct usdt v, int scale);
