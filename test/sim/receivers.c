// Shops that hear webhooks, well or badly. They check what a careful receiver checks, with OpenSSL alone.
#include "sim.h"
#include "stats.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND   INT64_C(1000000)
#define LEASE_US (WEBHOOK_LEASE_MS * INT64_C(1000))

static const char *const mood_names[] = {"up",       "down",        "500",      "slow",
                                         "redirect", "Retry-After", "flapping", "answer lost"};

void receiver_url(int receiver, int path, char out[URL_TEXT]) {
  snprintf(out, URL_TEXT, "https://hook%d.example.com/%d", receiver, path);
}

static int receiver_of(struct str url) {
  return url.n > 12 ? (url.p[12] - '0') % RECEIVERS : 0;
}

static struct str header(const struct post *p, const char *name) {
  size_t n = strlen(name);
  for (size_t i = 0; i < p->headers_n; i++)
    if (p->headers[i].n > n + 2 && strncasecmp(p->headers[i].p, name, n) == 0 && p->headers[i].p[n] == ':')
      return (struct str){p->headers[i].p + n + 2, p->headers[i].n - n - 2};
  return STR_NONE;
}

// ---- signatures ------------------------------------------------------------------------------------------

static bool x_signature_is(const struct o_key *k, struct str body, struct str given) {
  unsigned char mac[32];
  char hex[65];
  HMAC(EVP_sha256(), k->secret, (int)strlen(k->secret), (const unsigned char *)body.p, body.n, mac, NULL);
  for (int i = 0; i < 32; i++)
    snprintf(hex + 2 * i, 3, "%02x", mac[i]);
  return str_eqc(given, hex);
}

static bool has_standard_signature(const struct o_key *k, const struct post *p, struct str given) {
  unsigned char key[80], mac[32], text[48] = "v1,";
  char message[2 * ANSWER_TEXT];
  int n = EVP_DecodeBlock(key, (const unsigned char *)k->webhook + 6, (int)strlen(k->webhook) - 6);
  for (size_t i = strlen(k->webhook); k->webhook[i - 1] == '='; i--)
    n--;
  struct str id = header(p, "webhook-id"), time = header(p, "webhook-timestamp");
  int length =
      snprintf(message, sizeof message, "%.*s.%.*s.%.*s", STR_FMT(id), STR_FMT(time), STR_FMT(p->body));
  HMAC(EVP_sha256(), key, n, (const unsigned char *)message, (size_t)length, mac, NULL);
  EVP_EncodeBlock(text + 3, mac, 32);
  size_t wanted = strlen((char *)text);
  for (size_t i = 0; i + wanted <= given.n; i++)
    if (memcmp(given.p + i, text, wanted) == 0 && (i == 0 || given.p[i - 1] == ' ') &&
        (i + wanted == given.n || given.p[i + wanted] == ' '))
      return true;
  return false;
}

static int parts(struct str s) {
  int n = s.n > 0;
  for (size_t i = 0; i < s.n; i++)
    n += s.p[i] == ' ';
  return n;
}

static bool in_force(const struct o_key *k, int64_t now_us, int64_t seq) {
  int64_t end_us = o_key_end(k, seq);
  return k->seq <= seq && (!end_us || end_us > now_us);
}

// X-Signature has a secret that requests have been signed with, or the oldest one in force. The standard
// signature has the newest one beside it.
static bool signed_at(const struct o_project *project, int mode, const struct post *p, int64_t now_us,
                      int64_t seq) {
  const struct o_key *newest = NULL, *oldest = NULL, *signs = NULL;
  struct str x = header(p, "X-Signature"), standard = header(p, "webhook-signature");
  int n = 0, known = 0;
  for (int i = 0; i < project->n_keys[mode]; i++) {
    const struct o_key *k = &project->keys[mode][i];
    if (!in_force(k, now_us, seq))
      continue;
    if (k->lost)
      return true; // nobody can check it
    n++;
    oldest = oldest ? oldest : k;
    newest = k;
    known += has_standard_signature(k, p, standard);
    if (x_signature_is(k, p->body, x))
      signs = k;
  }
  if (!signs || !has_standard_signature(newest, p, standard) || (signs != oldest && !signs->used))
    return false;
  return known == (n > 1 ? 2 : 1) && parts(standard) == known;
}

// With the keys as they are; or as they were at some time since the node has looked.
static bool signed_well(const struct node *n, const struct o_project *project, int mode,
                        const struct post *p) {
  const struct oracle *o = n->sim->oracle;
  int64_t least = gateway_is_fresh(n) ? n->seq : o->seq;
  for (int64_t seq = o->seq; seq >= least; seq--)
    if (signed_at(project, mode, p, n->sim->now_us, seq) || signed_at(project, mode, p, o->max_now_us, seq))
      return true;
  return false;
}

// ---- hearing ---------------------------------------------------------------------------------------------

static struct o_delivery *find(struct sim *s, const struct post *p) {
  struct oracle *o = s->oracle;
  struct str id = header(p, "webhook-id");
  char body[ANSWER_TEXT], number[32];
  snprintf(body, sizeof body, "%.*s", STR_FMT(p->body));
  if (!text_field(body, "payment_id", number, sizeof number))
    violation(o, "a webhook without payment_id: %s", body);
  for (int i = 0; i < o->n_deliveries; i++)
    if (str_eqc(id, o->deliveries[i].id))
      return &o->deliveries[i];
  int64_t payment = strtoll(number, NULL, 10);
  char status[16] = "";
  text_field(body, "status", status, sizeof status);
  for (int i = 0; i < o->n_deliveries; i++) {
    struct o_delivery *d = &o->deliveries[i];
    if (!d->id[0] && o->payments[d->payment].id == payment && strcmp(text_event(d->event), status) == 0) {
      snprintf(d->id, sizeof d->id, "%.*s", STR_FMT(id));
      return d;
    }
  }
  violation(o, "a webhook that nothing asked for: %.*s %s", STR_FMT(id), body);
}

static void hear(const struct node *n, const struct post *p) {
  struct sim *s = n->sim;
  struct oracle *o = s->oracle;
  struct o_delivery *d = find(s, p);
  struct o_payment *payment = &o->payments[d->payment];
  const struct o_project *project = &o->projects[payment->project];
  char expected[ANSWER_TEXT], body[ANSWER_TEXT];
  int mode = !payment->is_test;
  snprintf(body, sizeof body, "%.*s", STR_FMT(p->body));
  if (d->event == TOLD_PAID && !payment->txid[0])
    text_field(body, "txid", payment->txid, sizeof payment->txid);
  text_webhook(o, payment, d, expected);
  if (strcmp(body, expected) != 0)
    violation(o, "webhook %s: expected\n  %s\ngot\n  %s", d->id, expected, body);
  if (!signed_well(n, project, mode, p))
    violation(o, "webhook %s is not signed as it must be (project %lld, mode %d)", d->id,
              (long long)project->id, mode);
  if (llabs(strtoll(header(p, "webhook-timestamp").p, NULL, 10) - s->now_us / SECOND) > 1)
    violation(o, "webhook %s has a wrong timestamp", d->id);
}

// What a receiver in this mood does with a request.
struct deed {
  bool heard;
  int status;
  int64_t duration_us, retry_after_s;
  enum post_error error;
};

static struct deed deed_of(struct sim *s, enum mood mood) {
  struct rng *r = &s->rng;
  int64_t quick = rng_between(r, 1000, 300000);
  if (mood == MOOD_FLAPPING)
    mood = rng_percent(r, 50) ? MOOD_UP : rng_percent(r, 50) ? MOOD_DOWN : MOOD_BROKEN;
  switch (mood) {
  case MOOD_UP:
    return (struct deed){true, 200 + (int)rng_below(r, 5), quick, 0, POST_OK};
  case MOOD_DOWN:
    return (struct deed){false, 0, quick, 0, POST_NO_CONNECTION};
  case MOOD_BROKEN:
    return (struct deed){true, 500, quick, 0, POST_OK};
  case MOOD_SLOW:
    return (struct deed){true, 200, rng_between(r, SECOND, 9 * SECOND), 0, POST_OK};
  case MOOD_REDIRECT:
    return (struct deed){true, 302, quick, 0, POST_OK};
  case MOOD_RETRY_AFTER:
    return (struct deed){true, 503, quick, rng_between(r, 1, 7200), POST_OK};
  case MOOD_LOSES_ANSWER:
    return (struct deed){true, 0, 10 * SECOND, 0, POST_TIMEOUT};
  case MOOD_FLAPPING:
  case MOODS:
    break;
  }
  return (struct deed){0};
}

// A delivery belongs to one node at a time: another one's attempt has ended, whether it knows that or not.
// Only a replay takes it away from whoever has it, and may send it until its lease would have ended.
static void check_alone(const struct node *n, const struct o_delivery *d) {
  int64_t now_us = n->sim->mono_us;
  for (int i = 0; i < n->sim->n_nodes; i++) {
    const struct courier *other = &n->sim->nodes[i].courier;
    for (int k = 0; k < other->n_running && i != n->number; k++)
      if (other->running[k].delivery == d && other->running[k].until_us > now_us && !d->maybe_replayed &&
          (!d->replayed_us || other->running[k].from_us - d->replayed_us > LEASE_US))
        violation(n->sim->oracle, "the webhook %s is sent by the nodes %d and %d at once", d->id, n->number,
                  i);
  }
}

static void take(struct poster *poster, struct post *p) {
  struct courier *all = (struct courier *)poster;
  struct sim *s = all->node->sim;
  enum mood mood = s->calm ? MOOD_UP : s->mood[receiver_of(p->url)];
  struct o_delivery *d = NULL;
  if (gateway_crashed(all->node)) { // the program that posts is gone already
    p->error = POST_STOPPED;
  } else {
    struct deed deed = deed_of(s, mood);
    d = find(s, p);
    trace(s, "  node %d sends %s", all->node->number, d->id);
    check_alone(all->node, d);
    stats_count("webhook attempts", mood_names[mood]);
    if (deed.heard)
      hear(all->node, p);
    d->seen++;
    d->last_us = s->mono_us;
    d->accepted += deed.status >= 200 && deed.status <= 299;
    p->error = deed.error;
    p->status = deed.status;
    p->duration_us = deed.duration_us;
    p->retry_after_s = deed.retry_after_s;
    p->excerpt = STR("ok");
  }
  if (all->n_running == POSTS_MAX)
    violation(s->oracle, "more posts at once than the worker may start");
  all->running[all->n_running].post = p;
  all->running[all->n_running].delivery = d;
  all->running[all->n_running].from_us = s->mono_us;
  all->running[all->n_running++].until_us = s->mono_us + (p->duration_us > SECOND ? p->duration_us : 0);
}

static size_t run(struct poster *poster, int timeout_ms) {
  struct courier *all = (struct courier *)poster;
  struct post *done[POSTS_MAX];
  int n = 0, left = 0;
  (void)timeout_ms;
  for (int i = 0; i < all->n_running; i++) {
    if (all->running[i].until_us <= all->node->sim->mono_us)
      done[n++] = all->running[i].post;
    else
      all->running[left++] = all->running[i];
  }
  all->n_running = left;
  for (int i = 0; i < n; i++)
    done[i]->done(done[i]);
  return (size_t)all->n_running;
}

static void wakeup(struct poster *poster) {
  (void)poster;
}

struct poster *receivers_courier(struct node *n) {
  n->courier = (struct courier){.poster = {take, run, wakeup}, .node = n};
  return &n->courier.poster;
}

void receivers_init(struct sim *s) {
  for (int i = 0; i < RECEIVERS; i++)
    s->mood[i] = rng_percent(&s->rng, 50) ? MOOD_UP : (enum mood)rng_below(&s->rng, MOODS);
}

void receivers_abort(struct node *n) {
  struct courier *all = &n->courier;
  while (all->n_running) {
    struct post *p = all->running[--all->n_running].post;
    p->error = POST_STOPPED;
    p->status = 0;
    p->done(p);
  }
}
