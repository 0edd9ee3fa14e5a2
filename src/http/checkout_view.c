#include "http/checkout_view.h"
#include "base/timefmt.h"
#include "http/qr.h"

#include <string.h>

enum {
  MARKED = 6, // characters of an address that people compare, at both ends
  COUNTDOWN_MIN_S =
      120,         // the countdown shows in the last quarter of the window, at least so long before the end
  NEXT_PAID_S = 5, // seconds until the payer goes on by himself
  NEXT_CANCELLED_S = 5,
  NEXT_EXPIRED_S = 20,
  BLOCK_S = 3,            // TRON makes a block every 3 s
  BLOCKS_SHOWN_MAX = 100, // more to go: the chain finalises nothing, and nobody can count on it
};

const char *checkout_state_name(enum checkout_state s) {
  switch (s) {
  case CHECKOUT_WAITING:
    return "waiting";
  case CHECKOUT_SEEN:
    return "seen";
  case CHECKOUT_CONFIRMING:
    return "confirming";
  case CHECKOUT_UNDERPAID:
    return "underpaid";
  case CHECKOUT_CHECKING:
    return "checking";
  case CHECKOUT_PAID:
    return "paid";
  case CHECKOUT_REVIEW:
    return "review";
  case CHECKOUT_EXPIRED:
    return "expired";
  case CHECKOUT_CANCELLED:
    return "cancelled";
  case CHECKOUT_FAILED:
    return "failed";
  case CHECKOUT_REPLACED:
    return "replaced";
  case CHECKOUT_UNKNOWN:
    return "unknown";
  case CHECKOUT_TOO_LATE:
    return "too_late";
  case CHECKOUT_TROUBLE:
    return "trouble";
  }
  return "";
}

static enum checkout_state pending_state(enum pay_sub sub, bool over) {
  switch (sub) {
  case SUB_SEEN:
    return CHECKOUT_SEEN;
  case SUB_CONFIRMING:
    return CHECKOUT_CONFIRMING;
  case SUB_UNDERPAID:
    return over ? CHECKOUT_CHECKING : CHECKOUT_UNDERPAID;
  case SUB_REVIEW:
    return CHECKOUT_REVIEW;
  case SUB_NONE:
  case SUB_WAITING:
  case SUB_OVERPAID:
  case SUB_LATE:
  case SUB_CANCELLED:
    break;
  }
  return over ? CHECKOUT_CHECKING : CHECKOUT_WAITING;
}

enum checkout_state checkout_state_of(const struct payment *p, int64_t now_us) {
  enum pay_status status = payment_status_at(p, now_us);
  if (p->replaced_by && status != PAY_PAID)
    return CHECKOUT_REPLACED;
  switch (status) {
  case PAY_PENDING:
    return pending_state(p->sub, now_us >= p->expires_us);
  case PAY_PAID:
    return CHECKOUT_PAID;
  case PAY_EXPIRED:
    return p->sub == SUB_REVIEW ? CHECKOUT_REVIEW : CHECKOUT_EXPIRED;
  case PAY_FAILED:
    return p->sub == SUB_REVIEW ? CHECKOUT_REVIEW : p->cancelled_us ? CHECKOUT_CANCELLED : CHECKOUT_FAILED;
  }
  return CHECKOUT_FAILED;
}

static struct usdt difference(struct usdt a, struct usdt b) {
  struct usdt d;
  return usdt_sub(a, b, &d) ? d : USDT(0);
}

// Cuts the sum where it begins to differ from the price, but never before the point.
static void mark_digits(struct checkout_view *v, struct arena *a) {
  const char *point = memchr(v->pay.p, '.', v->pay.n);
  size_t at = point ? (size_t)(point - v->pay.p) + 1 : v->pay.n;
  struct str full = str_printf(a, "%.*s000000", STR_FMT(v->price));
  bool same_whole = full.n >= at && memcmp(full.p, v->pay.p, at) == 0;
  while (same_whole && at < v->pay.n && at < full.n && full.p[at] == v->pay.p[at])
    at++;
  v->pay_plain = (struct str){v->pay.p, at};
  v->pay_mark = (struct str){v->pay.p + at, v->pay.n - at};
}

static void fill_sums(struct checkout_view *v, struct arena *a, const struct payment *p) {
  struct usdt rest = payment_rest(p), over = difference(p->received, p->pay_amount), more;
  bool part = p->received.micro > 0 && rest.micro > 0;
  v->price = usdt_text(a, p->amount, p->scale);
  v->due = usdt_text(a, p->pay_amount, p->scale);
  v->received = usdt_text(a, p->received, p->scale);
  v->rest = usdt_text(a, rest, p->scale);
  v->over = over.micro > 0 ? usdt_text(a, over, p->scale) : STR_NONE;
  v->some_received = p->received.micro > 0;
  v->pay = part ? v->rest : v->due;
  if (usdt_add(part ? rest : p->pay_amount, USDT(1), &more))
    v->pay_exchange = usdt_text(a, more, p->scale);
  v->pay_plain = v->pay;
  if (!part && usdt_cmp(p->pay_amount, p->amount) != 0)
    mark_digits(v, a);
}

static struct str part_of(struct str s, size_t from, size_t to) {
  from = from > s.n ? s.n : from;
  to = to > s.n ? s.n : to;
  return (struct str){s.p + from, to - from};
}

static void fill_address(struct checkout_view *v, struct arena *a, const struct payment *p,
                         enum network network) {
  struct str s = p->address;
  v->address = s;
  size_t last = s.n > 2 * MARKED ? s.n - MARKED : s.n;
  v->address_first = part_of(s, 0, MARKED);
  v->address_middle = part_of(s, MARKED, last);
  v->address_last = part_of(s, last, s.n);
  v->qr = qr_svg(a, s);
  // A test address cannot receive anything, and wallets begin on the main network: neither shall be led
  // there.
  if (p->is_test || network != NETWORK_MAIN)
    return;
  v->trust_url = str_printf(a,
                            "https://link.trustwallet.com/send?asset=c195_tTR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
                            "&address=%.*s&amount=%.*s",
                            STR_FMT(s), STR_FMT(v->pay));
  v->tron_url = str_printf(a, "tron:%.*s", STR_FMT(s));
}

// The page's script puts the visitor's own time before it.
static struct markup time_markup(struct arena *a, int64_t us) {
  struct str sql = time_sql(a, us), iso = time_iso(a, us);
  sql.n -= 3; // without the seconds
  return (struct markup){
      str_printf(a, "<time datetime=\"%.*s\">%.*s UTC</time>", STR_FMT(iso), STR_FMT(sql))};
}

static void fill_times(struct checkout_view *v, struct arena *a, const struct payment *p, int64_t now_us) {
  int64_t left_us = p->expires_us - now_us, window_us = p->expires_us - p->created_us;
  v->left_s = left_us > 0 ? (left_us + SECOND_US - 1) / SECOND_US : 0;
  v->left_min = (v->left_s + 59) / 60;
  v->warn_s = window_us / 4 / SECOND_US;
  v->warn_s = v->warn_s < COUNTDOWN_MIN_S ? COUNTDOWN_MIN_S : v->warn_s;
  v->ending = v->left_s <= v->warn_s;
  v->expires = time_markup(a, p->expires_us);
  v->counts_until = time_markup(a, p->quarantine_us);
  if (p->paid_us)
    v->paid_at = time_markup(a, p->paid_us);
}

static void fill_receipt(struct checkout_view *v, const struct payment *p) {
  v->overpaid = p->sub == SUB_OVERPAID || v->over.n > 0;
  v->late = p->sub == SUB_LATE || p->paid_us > p->expires_us;
}

static const struct {
  const char *name, *explorer; // explorer NULL: there is none
} networks[] = {
    [NETWORK_MAIN] = {"TRON (TRC20)", "https://tronscan.org"},
    [NETWORK_NILE] = {"TRON Nile (TRC20)", "https://nile.tronscan.org"},
    [NETWORK_SHASTA] = {"TRON Shasta (TRC20)", "https://shasta.tronscan.org"},
    [NETWORK_CUSTOM] = {"TRON (TRC20)", NULL},
};

static bool is_seen(const struct checkout_view *v) {
  return v->state == CHECKOUT_SEEN || v->state == CHECKOUT_CONFIRMING;
}

static void fill_transaction(struct checkout_view *v, struct arena *a, const struct payment *p,
                             enum network network) {
  v->network = networks[network].name;
  v->main_network = network == NETWORK_MAIN || network == NETWORK_CUSTOM;
  v->txid = is_seen(v) ? p->seen_txid : p->txid;
  if (v->txid.n && !p->is_test && networks[network].explorer)
    v->tx_url = str_printf(a, "%s/#/transaction/%.*s", networks[network].explorer, STR_FMT(v->txid));
}

bool checkout_is_delayed(const struct payment *p, enum checkout_state state, const struct chain_status *chain,
                         int64_t now_us) {
  bool follows = state == CHECKOUT_WAITING || state == CHECKOUT_SEEN || state == CHECKOUT_CONFIRMING ||
                 state == CHECKOUT_UNDERPAID || state == CHECKOUT_CHECKING;
  return follows && !p->is_test && chain_is_delayed(chain, now_us);
}

// How many blocks final takes is what it took lately: the chain's witnesses decide, and may be few or away.
static void fill_confirming(struct checkout_view *v, const struct payment *p, const struct chain_status *c) {
  int64_t done = c->head - p->seen_number, needed = c->head - c->solid;
  if (!is_seen(v) || v->delayed || !p->seen_number || !c->solid || needed < 1 || needed > BLOCKS_SHOWN_MAX)
    return;
  v->blocks_needed = (int)needed;
  v->blocks_done = (int)(done < 0 ? 0 : done > needed ? needed : done);
  v->seconds_left = (v->blocks_needed - v->blocks_done) * BLOCK_S;
  if (v->seconds_left < BLOCK_S) // it may be final already; the news is under way
    v->seconds_left = BLOCK_S;
}

static void fill_chain(struct checkout_view *v, struct arena *a, const struct payment *p,
                       const struct checkout_facts *f) {
  v->delayed = checkout_is_delayed(p, v->state, &f->chain, f->now_us);
  v->level_known = v->delayed && f->chain.level_us > f->now_us;
  if (v->level_known)
    v->level = time_markup(a, f->chain.level_us);
  v->proven = f->proven;
  fill_transaction(v, a, p, f->network);
  fill_confirming(v, p, &f->chain);
}

// Money that is missing, left over or undecided keeps the payer here: he has something to read.
static void fill_next(struct checkout_view *v, const struct payment *p) {
  bool paid = v->state == CHECKOUT_PAID;
  bool ended = v->state == CHECKOUT_EXPIRED || v->state == CHECKOUT_CANCELLED || v->state == CHECKOUT_FAILED;
  if (paid)
    v->next_url = p->success_url;
  else if (ended)
    v->next_url = p->fail_url;
  if (!v->next_url.n || v->overpaid || (ended && v->some_received))
    return;
  v->next_s = paid ? NEXT_PAID_S : v->state == CHECKOUT_EXPIRED ? NEXT_EXPIRED_S : NEXT_CANCELLED_S;
}

static bool is_mail(struct str s) {
  return memchr(s.p, '@', s.n) && !memchr(s.p, '/', s.n);
}

static void fill_shop(struct checkout_view *v, struct arena *a, const struct project *project) {
  v->shop = project->name;
  v->shop_url = project->website;
  v->support = project->support.n ? project->support : project->website;
  if (v->support.n)
    v->support_url = is_mail(v->support) ? str_printf(a, "mailto:%.*s", STR_FMT(v->support)) : v->support;
}

static void fill_languages(struct checkout_view *v, const struct checkout_facts *f) {
  v->lang = f->lang;
  v->lang_tag = lang_tags[f->lang];
  v->chosen = f->chosen;
  for (int i = 0; i < LANGS; i++)
    v->langs[v->n_langs++] = (struct checkout_lang){lang_tags[i], lang_names[i], (enum lang)i == f->lang};
}

void checkout_view_message(struct checkout_view *v, enum checkout_state state, int64_t id,
                           const struct checkout_facts *facts) {
  *v = (struct checkout_view){.state = state, .state_name = checkout_state_name(state), .id = id};
  fill_languages(v, facts);
}

void checkout_view_make(struct checkout_view *v, struct arena *a, const struct payment *p,
                        const struct checkout_facts *facts) {
  const struct project *project = facts->project;
  checkout_view_message(v, checkout_state_of(p, facts->now_us), p->id, facts);
  v->status = payment_status_at(p, facts->now_us);
  v->sub = payment_sub_at(p, facts->now_us);
  v->version = p->version;
  v->test = p->is_test;
  v->live = v->state != CHECKOUT_PAID && v->state != CHECKOUT_REPLACED;
  v->accepts_late = project->policy.accept_late && facts->now_us < p->quarantine_us;
  v->order_id = p->order_id;
  v->newer_id = facts->newer_id;
  v->pays = v->state == CHECKOUT_WAITING || v->state == CHECKOUT_UNDERPAID;
  v->test_buttons = p->is_test && !project->live && (v->pays || v->state == CHECKOUT_EXPIRED);
  bool open = v->status == PAY_PENDING && v->pays;
  v->can_extend = open && !(p->extended & EXT_PAYER) && p->expires_us < p->first_expires_us + DAY_US;
  v->can_claim = !p->is_test && (v->pays || v->state == CHECKOUT_CHECKING || v->state == CHECKOUT_EXPIRED ||
                                 v->state == CHECKOUT_CANCELLED);
  v->can_cancel = v->state == CHECKOUT_WAITING && p->received.micro == 0;
  fill_shop(v, a, project);
  fill_sums(v, a, p);
  fill_address(v, a, p, facts->network);
  fill_times(v, a, p, facts->now_us);
  fill_receipt(v, p);
  fill_chain(v, a, p, facts);
  fill_next(v, p);
}

void checkout_view_claimed(struct checkout_view *v, enum checkout_claim claim, struct str entered) {
  v->claimed = true;
  v->claim = claim;
  v->claiming = v->can_claim && claim == CLAIMED_WRONG;
  v->claim_text = v->claiming ? entered : STR_NONE;
}
