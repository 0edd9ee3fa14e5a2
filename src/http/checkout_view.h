// All that the checkout page shows, made from a payment: the template web/checkout.html knows nothing else.
// Pure.
//
// Nothing here comes from keys or secrets, and the description stays away: by the documentation it is for the
// merchant's records. Texts are borrowed from the payment and the arena.
#pragma once
#include "core/chain.h"
#include "core/project.h"
#include "http/html.h"
#include "web.h"

enum checkout_state {
  CHECKOUT_WAITING,
  CHECKOUT_SEEN,
  CHECKOUT_CONFIRMING,
  CHECKOUT_UNDERPAID,
  CHECKOUT_CHECKING, // its time is over, but not the chain's yet: money sent in time may still be found
  CHECKOUT_PAID,
  CHECKOUT_REVIEW,
  CHECKOUT_EXPIRED,
  CHECKOUT_CANCELLED,
  CHECKOUT_FAILED,
  CHECKOUT_REPLACED, // a newer payment has taken the order over
  CHECKOUT_UNKNOWN,  // no payment has this number
  CHECKOUT_TOO_LATE, // what the visitor asked for is not possible any more
  CHECKOUT_TROUBLE,  // it could not be done now
};

// What is known of a transaction that the payer has named.
enum checkout_claim {
  CLAIMED_CREDITED, // its money counts for this payment
  CLAIMED_REVIEW,   // money for this payment has come and the shop decides
  CLAIMED_NOTED, // no money for this payment is known in it; whatever else there may be is nobody's business
  CLAIMED_WRONG, // that is no transaction's number
  CLAIMED_OFTEN, // asked too often
  CLAIMED_MANY,  // as many as are kept have been named
};

struct checkout_lang {
  const char *tag, *name;
  bool current;
};

struct checkout_view {
  struct str root; // before /static: the path of the base URL
  enum lang lang;
  const char *lang_tag;
  struct str chosen; // the language chosen on the page, carried along in its forms; absent where none was
  struct checkout_lang langs[LANGS];
  int n_langs;

  enum checkout_state state;
  const char *state_name;
  enum pay_status status; // as the API has them
  enum pay_sub sub;
  int64_t id, version;
  bool test, test_buttons; // a test payment; its project is in Test mode and something is left to play
  bool live;               // may still change by itself

  struct str shop, shop_url, support,
      support_url; // name; website; whom to ask, as text and as link; may be absent
  struct str order_id;

  bool pays; // address and sum are shown: there is something to send
  struct str pay, pay_plain,
      pay_mark;            // the sum to send; the same in two parts, the second identifies the order
  struct str pay_exchange; // what to enter where an exchange keeps 1 USDT
  struct str price, due, received, rest,
      over; // of the order; to be paid; has arrived; is missing; is too much
  struct str address, address_first, address_middle, address_last;
  struct markup qr;
  struct str trust_url, tron_url; // wallet links; absent for test payments and outside the main network
  const char *network;            // as exchanges name it
  bool main_network;              // real money; also on a chain of somebody's own

  struct markup expires, counts_until; // <time>
  int64_t left_s, warn_s, left_min;    // seconds to the end; the countdown shows from warn_s on
  bool ending;                         // the countdown shows
  bool accepts_late, some_received, overpaid, late;
  bool can_extend, can_cancel;

  bool delayed;                                 // confirmations are
  bool level_known;                             // it is known until when, about
  struct markup level;                          // <time>
  int blocks_done, blocks_needed, seconds_left; // confirming; blocks_needed 0: not known

  bool can_claim; // a form for a transaction's number
  bool claiming;  // it is open, and the page stays as it is while it is filled in
  bool claimed;   // it was sent:
  enum checkout_claim claim;
  struct str claim_text; // as entered, where it is to be mended

  struct str txid, tx_url; // also while it is confirmed; tx_url absent: no explorer
  bool proven;             // a proof is offered
  struct markup paid_at;
  struct str next_url; // where the payer goes on to; absent: nowhere
  int next_s;          // by itself after so many seconds; 0: only by the link
  int64_t newer_id;    // CHECKOUT_REPLACED
  bool passes;         // CHECKOUT_TROUBLE: the page is loaded again by itself
};

// What the payment itself does not know.
struct checkout_facts {
  const struct project *project; // NULL for CHECKOUT_UNKNOWN and where the store could not be asked
  enum lang lang;
  struct str chosen;
  int64_t now_us;
  int64_t newer_id; // public number of the payment that replaced this one, or 0
  enum network network;
  struct chain_status chain;
  bool proven; // there is a proof to hand on
};

void checkout_view_make(struct checkout_view *v, struct arena *a, const struct payment *p,
                        const struct checkout_facts *facts);
// A page about no payment, or one on which an action failed (`id` leads back to it; 0: nowhere).
void checkout_view_message(struct checkout_view *v, enum checkout_state state, int64_t id,
                           const struct checkout_facts *facts);

void checkout_view_claimed(struct checkout_view *v, enum checkout_claim claim, struct str entered);

enum checkout_state checkout_state_of(const struct payment *p, int64_t now_us);
// Does its page say that confirmations are delayed?
bool checkout_is_delayed(const struct payment *p, enum checkout_state state, const struct chain_status *chain,
                         int64_t now_us);
const char *checkout_state_name(enum checkout_state s); // "waiting", …; for the page's script
