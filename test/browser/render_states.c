// Writes the checkout in every state as files, for the screenshots and for the checks that need no server:
// render_states DIR makes DIR/LANG/STATE.html and DIR/static/.
#include "http/checkout_view.h"
#include "base/bug.h"
#include "base/timefmt.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define NOW_US (INT64_C(1782930000) * SECOND_US) // 2026-07-01 18:20:00 UTC

enum { PAGE_MAX = 256 * 1024, ARENA_MAX = 16 * 1024 * 1024 };

struct scene {
  struct payment payment;
  struct project project;
  struct checkout_facts facts;
  bool claimed;
  enum checkout_claim claim;
};

#define TXID "8d1c2f5e7ab0934c61fe2d88a7b5c3901e4f6a2db97c05e83f1a64bd20c7e915"

static void start(struct scene *s) {
  *s = (struct scene){0};
  struct payment p = {
      .row = 1,
      .id = 3718204471920834,
      .order_id = STR("ORDER_12345"),
      .amount = USDT(50),
      .scale = 2,
      .pay_amount = {50013400},
      .sub = SUB_WAITING,
      .address = STR("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"),
      .success_url = STR("https://teahouse.example/thanks?order=12345"),
      .fail_url = STR("https://teahouse.example/basket"),
      .created_us = NOW_US - 7 * MINUTE_US,
      .first_expires_us = NOW_US + 23 * MINUTE_US,
      .expires_us = NOW_US + 23 * MINUTE_US,
      .quarantine_us = NOW_US + 48 * HOUR_US,
      .version = 3,
  };
  s->payment = p;
  s->project = (struct project){.name = STR("Teahouse"),
                                .website = STR("https://teahouse.example"),
                                .support = STR("help@teahouse.example"),
                                .live = true,
                                .policy.accept_late = true};
  s->facts = (struct checkout_facts){.now_us = NOW_US,
                                     .chain = {.configured = true,
                                               .head = 76000019,
                                               .head_us = NOW_US - 2 * SECOND_US,
                                               .solid = 76000001,
                                               .heard_us = NOW_US - SECOND_US}};
}

static void pay(struct scene *s, int64_t micro, enum pay_sub sub) {
  s->payment.status = PAY_PAID;
  s->payment.sub = sub;
  s->payment.received.micro = micro;
  s->payment.paid_us = NOW_US - 2 * MINUTE_US;
  s->payment.txid = STR(TXID);
}

static void expire(struct scene *s, enum pay_sub sub) {
  s->payment.created_us = NOW_US - 33 * MINUTE_US;
  s->payment.expires_us = NOW_US - 3 * MINUTE_US;
  s->payment.status = PAY_EXPIRED;
  s->payment.sub = sub;
}

static void waiting(struct scene *s) {
  (void)s;
}
static void waiting_plain(struct scene *s) {
  s->payment.pay_amount = s->payment.amount;
}
static void waiting_ending(struct scene *s) {
  s->payment.created_us = NOW_US - 25 * MINUTE_US;
  s->payment.expires_us = NOW_US + 272 * SECOND_US;
  s->payment.extended = EXT_PAYER;
}
static void waiting_test(struct scene *s) {
  s->payment.is_test = true;
  s->project.live = false;
}
static void seen(struct scene *s) {
  s->payment.sub = SUB_SEEN;
  s->payment.seen_number = 76000019;
  s->payment.seen_txid = STR(TXID);
}
static void confirming(struct scene *s) {
  seen(s);
  s->payment.sub = SUB_CONFIRMING;
  s->payment.seen_number = 76000012;
}
static void confirming_custom(struct scene *s) { // no explorer, and how long final takes is not known yet
  confirming(s);
  s->facts.network = NETWORK_CUSTOM;
  s->facts.chain.solid = 0;
}
static void behind(struct scene *s) {
  s->facts.chain.behind = true;
}
static void waiting_delayed(struct scene *s) {
  behind(s);
}
static void waiting_nile(struct scene *s) {
  s->facts.network = NETWORK_NILE;
}
static void confirming_delayed(struct scene *s) {
  confirming(s);
  behind(s);
  s->facts.chain.level_us = NOW_US + 11 * MINUTE_US;
}
static void waiting_claimed(struct scene *s) {
  s->claimed = true;
  s->claim = CLAIMED_WRONG;
}
static void underpaid(struct scene *s) {
  s->payment.sub = SUB_UNDERPAID;
  s->payment.received = USDT(30);
}
static void underpaid_claimed(struct scene *s) {
  s->payment.sub = SUB_UNDERPAID;
  s->payment.received = USDT(30);
  s->claimed = true;
  s->claim = CLAIMED_NOTED;
}
static void checking(struct scene *s) { // live: the end has passed here, but not on the chain
  s->payment.expires_us = NOW_US - SECOND_US;
}
static void checking_delayed(struct scene *s) {
  checking(s);
  behind(s);
}
static void paid(struct scene *s) {
  pay(s, 50013400, SUB_NONE);
}
static void paid_test(struct scene *s) {
  waiting_test(s);
  pay(s, 50013400, SUB_NONE);
  s->payment.txid = STR("test_51f0c7a2e9");
}
static void paid_proven(struct scene *s) {
  paid(s);
  s->facts.proven = true;
}
static void overpaid(struct scene *s) {
  pay(s, 60000000, SUB_OVERPAID);
}
static void late(struct scene *s) {
  expire(s, SUB_NONE);
  pay(s, 50013400, SUB_LATE);
}
static void review(struct scene *s) {
  expire(s, SUB_REVIEW);
}
static void expired(struct scene *s) {
  expire(s, SUB_NONE);
}
static void expired_strict(struct scene *s) { // the shop does not take late money by itself
  expire(s, SUB_NONE);
  s->project.policy.accept_late = false;
}
static void expired_part(struct scene *s) {
  underpaid(s);
  expire(s, SUB_UNDERPAID);
}
static void expired_test(struct scene *s) {
  waiting_test(s);
  expire(s, SUB_NONE);
}
static void cancelled(struct scene *s) {
  s->payment.status = PAY_FAILED;
  s->payment.sub = SUB_CANCELLED;
  s->payment.cancelled_us = NOW_US - MINUTE_US;
}
static void cancelled_test(struct scene *s) {
  waiting_test(s);
  cancelled(s);
}
static void failed(struct scene *s) {
  s->payment.status = PAY_FAILED;
}
static void replaced(struct scene *s) {
  expire(s, SUB_NONE);
  s->payment.replaced_by = 2;
  s->facts.newer_id = 6204471920834371;
}
static void long_texts(struct scene *s) { // the longest that a shop and an order may bring
  s->project.name = STR(
      "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft & Söhne <b>KG</b>");
  s->project.support =
      STR("https://donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamten.example/contact-us");
  s->payment.order_id = STR("ORDER-0123456789012345678901234567890123456789012345678901234567890123456789-<"
                            "script>alert(1)</script>");
  s->payment.amount = (struct usdt){999999123456};
  s->payment.pay_amount = (struct usdt){999999123457};
}

static const struct {
  const char *name;
  void (*set)(struct scene *s); // NULL: a page about no payment
  enum checkout_state message;
} scenes[] = {
    {"waiting", waiting, 0},
    {"waiting-plain", waiting_plain, 0},
    {"waiting-ending", waiting_ending, 0},
    {"waiting-test", waiting_test, 0},
    {"waiting-long", long_texts, 0},
    {"seen", seen, 0},
    {"confirming", confirming, 0},
    {"confirming-custom", confirming_custom, 0},
    {"confirming-delayed", confirming_delayed, 0},
    {"waiting-delayed", waiting_delayed, 0},
    {"waiting-nile", waiting_nile, 0},
    {"waiting-claimed", waiting_claimed, 0},
    {"underpaid", underpaid, 0},
    {"underpaid-claimed", underpaid_claimed, 0},
    {"checking", checking, 0},
    {"checking-delayed", checking_delayed, 0},
    {"paid", paid, 0},
    {"paid-test", paid_test, 0},
    {"paid-proven", paid_proven, 0},
    {"overpaid", overpaid, 0},
    {"late", late, 0},
    {"review", review, 0},
    {"expired", expired, 0},
    {"expired-strict", expired_strict, 0},
    {"expired-part", expired_part, 0},
    {"expired-test", expired_test, 0},
    {"cancelled", cancelled, 0},
    {"cancelled-test", cancelled_test, 0},
    {"failed", failed, 0},
    {"replaced", replaced, 0},
    {"unknown", NULL, CHECKOUT_UNKNOWN},
    {"too-late", NULL, CHECKOUT_TOO_LATE},
    {"trouble", NULL, CHECKOUT_TROUBLE},
    {"trouble-passes", NULL, CHECKOUT_TROUBLE},
};

static void put(const char *dir, const char *sub, const char *name, struct str data) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", dir, sub);
  BUG_IF(mkdir(path, 0777) && errno != EEXIST, "cannot make the folder");
  snprintf(path, sizeof path, "%s/%s/%s", dir, sub, name);
  FILE *f = fopen(path, "wb");
  BUG_IF(!f || fwrite(data.p, 1, data.n, f) != data.n || fclose(f), "cannot write the page");
}

static void render(const char *dir, enum lang lang, size_t i, struct arena *a) {
  struct scene s;
  struct checkout_view v;
  start(&s);
  s.facts.lang = lang;
  s.facts.project = &s.project;
  if (scenes[i].set) {
    scenes[i].set(&s);
    checkout_view_make(&v, a, &s.payment, &s.facts);
    if (s.claimed)
      checkout_view_claimed(&v, s.claim, STR("my payment of 50 <USDT>"));
  } else {
    checkout_view_message(&v, scenes[i].message, scenes[i].message == CHECKOUT_UNKNOWN ? 0 : s.payment.id,
                          &s.facts);
    v.passes = strcmp(scenes[i].name, "trouble-passes") == 0;
  }
  struct buf o;
  buf_init(&o, a, PAGE_MAX);
  html_checkout(&o, &v);
  BUG_IF(o.full, "the page is too large");
  char file[64];
  snprintf(file, sizeof file, "%s.html", scenes[i].name);
  put(dir, lang_tags[lang], file, buf_view(&o));
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: render_states DIR\n");
    return 2;
  }
  struct arena a;
  arena_init(&a, ARENA_MAX);
  for (int l = 0; l < LANGS; l++)
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++, arena_reset(&a))
      render(argv[1], (enum lang)l, i, &a);
  for (const struct embedded *e = web_assets; e->name; e++)
    put(argv[1], "static", e->name, (struct str){e->data, e->size});
  arena_free(&a);
  return 0;
}
