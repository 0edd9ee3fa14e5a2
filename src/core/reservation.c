#include "core/reservation.h"
#include "base/bug.h"

// Step of each grid in micro, coarsest first; each divides the one before.
static const int64_t grids[] = {10000, 1000, 100, 1};
enum { GRIDS = sizeof grids / sizeof *grids };

// Multiples of the grid up to the cap that no coarser grid has.
static int64_t in_grid(struct usdt cap, int g) {
  return cap.micro / grids[g] - (g ? cap.micro / grids[g - 1] : 0);
}

int64_t reservation_slots(struct usdt cap) {
  int64_t n = 1;
  for (int g = 0; g < GRIDS; g++)
    n += in_grid(cap, g);
  return n;
}

struct usdt reservation_surcharge(struct usdt cap, int64_t slot) {
  BUG_IF(slot < 0 || slot >= reservation_slots(cap), "no such slot");
  if (slot == 0)
    return (struct usdt){0};
  slot--;
  int g = 0;
  while (slot >= in_grid(cap, g))
    slot -= in_grid(cap, g++);
  if (g == 0)
    return (struct usdt){(slot + 1) * grids[0]};
  // Between two multiples of the coarser grid stand ratio - 1 new ones.
  int64_t fresh = grids[g - 1] / grids[g] - 1;
  return (struct usdt){slot / fresh * grids[g - 1] + (slot % fresh + 1) * grids[g]};
}

bool reservation_slot(struct usdt cap, struct usdt surcharge, int64_t *slot) {
  if (surcharge.micro < 0 || surcharge.micro > cap.micro)
    return false;
  int64_t before = 1;
  for (int g = 0; surcharge.micro > 0 && g < GRIDS; g++) {
    if (surcharge.micro % grids[g] == 0) {
      int64_t coarser = g ? surcharge.micro / grids[g - 1] : 0;
      *slot = before + surcharge.micro / grids[g] - coarser - 1;
      return true;
    }
    before += in_grid(cap, g);
  }
  *slot = 0;
  return surcharge.micro == 0;
}
