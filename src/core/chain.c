#include "core/chain.h"

bool chain_is_delayed(const struct chain_status *s, int64_t now_us) {
  return !s->configured || s->trouble.p || s->behind || now_us - s->heard_us > CHAIN_DELAYED_US ||
         now_us - s->head_us > CHAIN_DELAYED_US;
}
