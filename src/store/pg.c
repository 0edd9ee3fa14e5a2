#include "store/pg.h"
#include "base/bug.h"
#include "base/log.h"
#include "base/world.h"
#include "store/batch.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Types of columns and parameters, from the server's catalogue (pg_type.oid).
enum { TYPE_BYTEA = 17, TYPE_INT8 = 20, TYPE_INT4 = 23, TYPE_TEXT = 25 };

// Jobs whose statements go out together: small enough that the server works on some while we work on others.
enum { GROUP = 32 };

// Every statement of ours finds its rows by an index, and must go on doing so while a table grows from
// nothing: a plan made for an empty table is kept. What is given up after a while must not hold locks for
// ever.
static const char session[] =
    "SET default_transaction_isolation = 'read committed';"
    "SET lock_timeout = '5s';"
    "SET idle_in_transaction_session_timeout = '10s';"
    "SET statement_timeout = 0;" // it would end a COMMIT's wait for the standby, and call it done
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3;"
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;"
    "SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;"
    "SET plan_cache_mode = force_generic_plan;"
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')";

// "01000" is what a COMMIT is warned with that has not waited for its standby to the end.
static void hear_notice(void *self, const PGresult *r) {
  struct pg *p = self;
  const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
  if (state && strcmp(state, "01000") == 0) {
    p->doubtful = true;
    LOG(WARN, "PostgreSQL warns", LOG_C("warning", PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY)));
  }
}

void pg_one_line(char *out, size_t size, const char *text) {
  size_t n = 0;
  bool space = false;
  for (; *text && n + 2 < size; text++) {
    bool blank = *text == '\n' || *text == '\t' || *text == ' ';
    if (!blank && space && n)
      out[n++] = ' ';
    if (!blank)
      out[n++] = *text;
    space = blank;
  }
  out[n] = 0;
}

const char *pg_error_text(const struct pg *p) {
  return p->error[0] ? p->error : "no answer";
}

void pg_close(struct pg *p) {
  PQfinish(p->c);
  p->c = NULL;
}

bool pg_alive(const struct pg *p) {
  return p->c && PQstatus(p->c) == CONNECTION_OK;
}

static void note_error(struct pg *p, const char *text) {
  pg_one_line(p->error, sizeof p->error, text);
}

bool pg_look(struct pg *p) {
  bool ok = pg_alive(p) && PQconsumeInput(p->c) && !PQisBusy(p->c) && pg_alive(p);
  if (!ok)
    note_error(p, PQerrorMessage(p->c));
  return ok;
}

static bool refuse(struct pg *p, char *error, size_t size, const char *why) {
  pg_one_line(error, size, why);
  pg_close(p);
  return false;
}

PGconn *pg_dial(const char *url, const char *attributes) {
  // What the URL says counts, but for the encoding.
  const char *const names[] = {"target_session_attrs", "connect_timeout",
                               "tcp_user_timeout",     "keepalives_idle",
                               "keepalives_interval",  "keepalives_count",
                               "application_name",     "dbname",
                               "client_encoding",      NULL};
  const char *const values[] = {attributes, "3", "10000", "5", "2", "3", "cryptopay", url, "UTF8", NULL};
  return PQconnectdbParams(names, values, 1);
}

bool pg_connect(struct pg *p, const char *url, char *error, size_t size) {
  *p = (struct pg){.c = pg_dial(url, "read-write")};
  if (!pg_alive(p))
    return refuse(p, error, size, p->c ? PQerrorMessage(p->c) : "out of memory");
  PQsetNoticeReceiver(p->c, hear_notice, p);
  const char *encoding = PQparameterStatus(p->c, "server_encoding");
  if (!encoding || strcmp(encoding, "UTF8") != 0)
    return refuse(p, error, size, "the database's encoding must be UTF8: CREATE DATABASE … ENCODING 'UTF8'");
  if (!pg_exec_soon(p, session))
    return refuse(p, error, size, pg_error_text(p));
  return true;
}

static void note_state(struct pg *p, const PGresult *r) {
  const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
  snprintf(p->state, sizeof p->state, "%s", state ? state : "08000");
  note_error(p, state ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : PQerrorMessage(p->c));
}

bool pg_exec(struct pg *p, const char *text) {
  PGresult *r = PQexec(p->c, text);
  ExecStatusType status = PQresultStatus(r);
  bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
  if (!ok)
    note_state(p, r);
  PQclear(r);
  return ok;
}

int64_t pg_number(struct pg *p, const char *text, int64_t otherwise) {
  PGresult *r = PQexec(p->c, text);
  int64_t v;
  if (PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) == 0 ||
      !str_to_i64(str_of(PQgetvalue(r, 0, 0)), &v))
    v = otherwise;
  PQclear(r);
  return v;
}

// ---- waiting ---------------------------------------------------------------------------------------------

// Waits until the connection has something for us (and takes what we have for it).
static bool wait_for_server(struct pg *p) {
  int64_t until_us = world_mono(&world_real) + PG_SILENCE_MS * INT64_C(1000);
  int unsent;
  while ((unsent = PQflush(p->c)) >= 0 && PQisBusy(p->c)) {
    struct pollfd fd = {PQsocket(p->c), (short)(POLLIN | (unsent ? POLLOUT : 0)), 0};
    int64_t left_us = until_us - world_mono(&world_real);
    int n = left_us > 0 ? poll(&fd, 1, (int)(left_us / 1000) + 1) : 0;
    if (n == 0 || (n < 0 && errno != EINTR))
      return false; // silent for too long
    if (n > 0 && fd.revents & ~POLLOUT && !PQconsumeInput(p->c))
      return false;
  }
  return unsent >= 0;
}

// The next answer; NULL stands between those of two statements. *lost: there is no connection any more.
static PGresult *next_result(struct pg *p, bool *lost) {
  if (!wait_for_server(p) || !pg_alive(p)) {
    note_error(p, pg_alive(p) ? "the server is silent" : PQerrorMessage(p->c));
    *lost = true;
    return NULL;
  }
  PGresult *r = PQgetResult(p->c);
  *lost = !pg_alive(p);
  if (*lost)
    note_state(p, r);
  return r;
}

bool pg_exec_soon(struct pg *p, const char *text) {
  bool ok = PQsendQuery(p->c, text), lost = false;
  if (!ok)
    note_state(p, NULL);
  for (PGresult *r = NULL; ok && !lost && (r = next_result(p, &lost)) != NULL; PQclear(r)) {
    ok = PQresultStatus(r) != PGRES_FATAL_ERROR;
    if (!ok)
      note_state(p, r);
  }
  return ok && !lost;
}

static bool is(const struct pg *p, const char *state) {
  return strcmp(p->state, state) == 0;
}

static enum pg_fate fate_of(const struct pg *p) {
  // 25006: this server takes no writes any more, it has become a standby. 57P: it is being stopped.
  if (strncmp(p->state, "08", 2) == 0 || strncmp(p->state, "57P", 3) == 0 || is(p, "25006"))
    return PG_LOST;
  if (is(p, "40001") || is(p, "40P01") || is(p, "55P03") || is(p, "57014"))
    return PG_COLLISION;
  return PG_FAILED;
}

// ---- statements ------------------------------------------------------------------------------------------

static int count_parameters(const char *text) {
  int most = 0;
  for (const char *at = strchr(text, '$'); at; at = strchr(at + 1, '$')) {
    int n = atoi(at + 1);
    most = n > most ? n : most;
  }
  return most;
}

static const char *statement_name(char out[16], int q) {
  snprintf(out, 16, "q%d", q);
  return out;
}

// What the server takes for a small number is sent as a large one, like every number of ours.
static void widen(const PGresult *r, Oid types[OP_PARAMS_MAX]) {
  for (int i = 0; i < PQnparams(r); i++)
    types[i] = PQparamtype(r, i) == TYPE_INT4 ? TYPE_INT8 : PQparamtype(r, i);
}

static bool learn(struct pg *p, Oid types[QUERIES][OP_PARAMS_MAX]) {
  bool lost = false, ok = true;
  for (int q = 0; ok && q < QUERIES; q++)
    ok = PQsendPrepare(p->c, "", query_text((enum query)q, ENGINE_POSTGRES), 0, NULL) &&
         PQsendDescribePrepared(p->c, "");
  ok = ok && PQpipelineSync(p->c);
  for (int q = 0; ok && q < QUERIES; q++)
    for (int part = 0; ok && part < 2; part++) {
      PGresult *r = next_result(p, &lost);
      ok = PQresultStatus(r) == PGRES_COMMAND_OK;
      if (!ok && !lost)
        note_state(p, r);
      if (ok && part)
        widen(r, types[q]);
      PQclear(r);
      if (ok)
        PQclear(next_result(p, &lost));
    }
  return ok && pg_finish(p, NULL) == PG_FINE;
}

static bool prepare_all(struct pg *p, Oid types[QUERIES][OP_PARAMS_MAX]) {
  char name[16];
  bool ok = true;
  for (int q = 0; ok && q < QUERIES; q++) {
    const char *text = query_text((enum query)q, ENGINE_POSTGRES);
    ok = PQsendPrepare(p->c, statement_name(name, q), text, count_parameters(text), types[q]);
  }
  return ok && pg_sync(p) && pg_finish(p, NULL) == PG_FINE;
}

bool pg_prepare(struct pg *p, char *error, size_t size) {
  static _Thread_local Oid types[QUERIES][OP_PARAMS_MAX];
  PQsetnonblocking(p->c, 1);
  if (PQenterPipelineMode(p->c) && learn(p, types) && prepare_all(p, types))
    return true;
  return refuse(p, error, size, p->error[0] ? p->error : PQerrorMessage(p->c));
}

// Values as libpq wants them: numbers in the server's order of bytes, in binary like all the rest.
struct packed {
  uint64_t raw[OP_PARAMS_MAX];
  const char *values[OP_PARAMS_MAX];
  int lengths[OP_PARAMS_MAX], formats[OP_PARAMS_MAX];
};

static void pack(struct packed *out, int n, const struct val *v) {
  for (int i = 0; i < n; i++, v++) {
    bool number = v->type == VAL_INT;
    out->raw[i] = htobe64((uint64_t)v->i);
    out->values[i] = number ? (const char *)&out->raw[i] : v->type == VAL_NULL ? NULL : v->s.p;
    out->lengths[i] = number ? (int)sizeof out->raw[i] : (int)v->s.n;
    out->formats[i] = 1;
  }
}

bool pg_send(struct pg *p, const char *text, int n, const struct val *numbers) {
  struct packed k;
  Oid types[OP_PARAMS_MAX];
  for (int i = 0; i < n; i++)
    types[i] = TYPE_INT8;
  pack(&k, n, numbers);
  return p->c && PQsendQueryParams(p->c, text, n, types, k.values, k.lengths, k.formats, 1);
}

bool pg_sync(struct pg *p) {
  return p->c && PQpipelineSync(p->c) && PQflush(p->c) >= 0;
}

static int64_t get_number(const PGresult *r, int row, int col) {
  const char *v = PQgetvalue(r, row, col);
  uint64_t wide;
  uint32_t narrow;
  if (PQgetlength(r, row, col) == sizeof narrow) {
    memcpy(&narrow, v, sizeof narrow);
    return (int32_t)be32toh(narrow);
  }
  BUG_IF(PQgetlength(r, row, col) != sizeof wide, "a number of another size");
  memcpy(&wide, v, sizeof wide);
  return (int64_t)be64toh(wide);
}

// Takes one answer in. The first thing that went wrong is what counts.
static void judge(struct pg *p, const PGresult *r, enum pg_fate *fate) {
  if (!r || (PQresultStatus(r) != PGRES_FATAL_ERROR && PQresultStatus(r) != PGRES_BAD_RESPONSE))
    return;
  if (*fate != PG_FINE)
    return;
  note_state(p, r);
  *fate = fate_of(p);
}

enum pg_fate pg_finish(struct pg *p, int64_t *number) {
  enum pg_fate fate = PG_FINE;
  for (;;) {
    bool lost = false;
    PGresult *r = next_result(p, &lost);
    if (lost) {
      PQclear(r);
      return PG_LOST;
    }
    ExecStatusType status = PQresultStatus(r);
    judge(p, r, &fate);
    if (status == PGRES_TUPLES_OK && number && PQntuples(r))
      *number = get_number(r, 0, 0);
    if (status == PGRES_COMMAND_OK)
      p->committed = strcmp(PQcmdStatus((PGresult *)(uintptr_t)r), "COMMIT") == 0;
    PQclear(r);
    if (r && status == PGRES_PIPELINE_SYNC)
      return fate;
  }
}

// ---- jobs ------------------------------------------------------------------------------------------------

static bool send_op(struct pg *p, const struct op *op) {
  struct packed k;
  char name[16];
  pack(&k, op->n_params, op->params);
  return PQsendQueryPrepared(p->c, statement_name(name, (int)op->query), op->n_params, k.values, k.lengths,
                             k.formats, 1);
}

static struct val get_value(const PGresult *r, int row, int col, struct arena *a) {
  if (PQgetisnull(r, row, col))
    return v_null();
  struct str s = {PQgetvalue(r, row, col), (size_t)PQgetlength(r, row, col)};
  switch (PQftype(r, col)) {
  case TYPE_INT8:
  case TYPE_INT4:
    return v_int(get_number(r, row, col));
  case TYPE_BYTEA:
    return v_blob(str_copy(a, s));
  default:
    BUG_IF(PQftype(r, col) != TYPE_TEXT, "a column of an unknown type");
    return v_text(str_copy(a, s));
  }
}

static void take_rows(const PGresult *r, struct rows *out, struct arena *a) {
  *out = (struct rows){.n = PQntuples(r), .cols = PQnfields(r)};
  out->v = ARENA_ARRAY(a, struct val, out->n * out->cols);
  for (int row = 0; row < out->n; row++)
    for (int col = 0; col < out->cols; col++)
      out->v[row * out->cols + col] = get_value(r, row, col, a);
}

// Steps the jobs of a group that have not ended and sends what they ask for. *sent: something was asked.
static bool send_group(struct pg *p, struct job **jobs, size_t n, bool *sent) {
  bool ok = true;
  *sent = false;
  for (size_t i = 0; ok && i < n; i++) {
    struct job *j = jobs[i];
    if (j->ended || !job_advance(j))
      continue;
    *sent = true;
    for (int k = 0; ok && k < j->n_ops; k++)
      ok = send_op(p, j->ops[k]);
  }
  return ok && (!*sent || pg_sync(p));
}

static void fail_job(struct pg *p, struct job *j, const struct op *op, const PGresult *r) {
  // Another node has inserted the same meanwhile: whoever reads again finds it.
  bool again = is(p, "23505");
  j->result = again ? ERR_CHANGED : ERR_STORE;
  j->wrote = true; // the transaction is broken
  if (!again)
    LOG(ERROR, "database error", LOG_C("statement", query_name(op->query)), LOG_C("state", p->state),
        LOG_C("error", PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY)));
}

static enum pg_fate receive_op(struct pg *p, struct job *j, struct op *op) {
  bool lost = false;
  enum pg_fate fate = PG_FINE;
  PGresult *r = next_result(p, &lost);
  judge(p, r, &fate);
  if (!lost && fate == PG_FAILED)
    fail_job(p, j, op, r);
  if (PQresultStatus(r) == PGRES_TUPLES_OK)
    take_rows(r, &op->rows, j->arena);
  PQclear(r);
  if (!lost)
    PQclear(next_result(p, &lost)); // the NULL between two statements
  j->wrote |= query_writes(op->query, ENGINE_POSTGRES);
  return lost ? PG_LOST : fate;
}

// Fetches what send_group() has asked for. Once something went wrong the rest is only drained.
static enum pg_fate receive_group(struct pg *p, struct job **jobs, size_t n) {
  enum pg_fate fate = PG_FINE;
  for (size_t i = 0; i < n && fate == PG_FINE; i++) {
    struct job *j = jobs[i];
    if (j->ended)
      continue;
    for (int k = 0; k < j->n_ops && fate == PG_FINE; k++)
      fate = receive_op(p, j, j->ops[k]);
    if (fate == PG_FINE)
      job_landed(j);
  }
  if (fate == PG_LOST)
    return fate;
  enum pg_fate rest = pg_finish(p, NULL);
  return rest == PG_LOST || fate == PG_FINE ? rest : fate;
}

struct group {
  size_t first, n;
};

// A ring of groups: while the server works on the later ones, the answers of the first are read and its next
// round is sent.
enum pg_fate pg_run(struct pg *p, struct job **jobs, size_t n, int ahead) {
  enum { GROUPS_MAX = 4096 / GROUP };
  struct group ring[GROUPS_MAX];
  size_t head = 0, tail = 0;
  enum pg_fate fate = PG_FINE;
  BUG_IF(n > (size_t)GROUPS_MAX * GROUP, "too many jobs at once");
  p->ahead_refused = false;
  for (size_t i = 0; i < n; i++)
    job_begin(jobs[i]);
  for (size_t first = 0; first < n && fate == PG_FINE; first += GROUP) {
    struct group g = {first, n - first < GROUP ? n - first : GROUP};
    bool sent;
    if (!send_group(p, jobs + g.first, g.n, &sent))
      fate = PG_LOST;
    else if (sent)
      ring[tail++ % GROUPS_MAX] = g;
  }
  for (; ahead && fate != PG_LOST; ahead--) {
    enum pg_fate before = pg_finish(p, NULL);
    p->ahead_refused |= before != PG_FINE;
    fate = before == PG_FINE ? fate : before;
  }
  while (head != tail && fate != PG_LOST) {
    struct group g = ring[head++ % GROUPS_MAX];
    bool sent = false;
    enum pg_fate this = fate == PG_FINE ? receive_group(p, jobs + g.first, g.n) : pg_finish(p, NULL);
    if (fate == PG_FINE || this == PG_LOST)
      fate = this;
    if (fate == PG_FINE && !send_group(p, jobs + g.first, g.n, &sent))
      fate = PG_LOST;
    if (sent)
      ring[tail++ % GROUPS_MAX] = g;
  }
  return fate;
}
