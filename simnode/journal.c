// A chain that is kept: not its blocks, but what made them. The same calls give the same chain.
#include "simnode/server.h"

#include <stdlib.h>
#include <string.h>

static void keep(struct server *s, json_t *line) {
  if (s->journal) {
    json_dumpf(line, s->journal, JSON_COMPACT);
    fputc('\n', s->journal);
    fflush(s->journal);
  }
  json_decref(line);
}

void journal_command(struct server *s, const char *command, json_t *args) {
  if (s->journal)
    keep(s, json_pack("{s:s,s:O?,s:I}", "do", command, "with", args, "now", (json_int_t)s->chain->now_ms));
}

void journal_broadcast(struct server *s, struct str path, struct str body) {
  if (s->journal)
    keep(s, json_pack("{s:s%,s:s%}", "path", path.p, path.n, "body", body.p ? body.p : "", body.n));
}

static void again(struct server *s, json_t *line, struct arena *a) {
  const char *command = json_string_value(json_object_get(line, "do"));
  const char *path = json_string_value(json_object_get(line, "path"));
  const char *body = json_string_value(json_object_get(line, "body"));
  struct sim_answer answer;
  struct buf out;
  buf_init(&out, a, 1 << 20);
  if (command) {
    sim_clock(s->chain, json_integer_value(json_object_get(line, "now")));
    control(&s->nodes[0], command, json_object_get(line, "with"), a, &out);
  } else if (path && body) {
    struct sim_request q = {"POST", str_of(path), STR(""), str_of(body)};
    sim_answer(&s->nodes[0].sim, &q, a, &answer);
  }
  arena_reset(a);
}

bool journal_open(struct server *s, const char *path) {
  FILE *f = fopen(path, "a+");
  struct arena a;
  char *line = NULL;
  size_t cap = 0;
  if (!f)
    return false;
  arena_init(&a, SIM_ANSWER_MAX);
  rewind(f);
  while (getline(&line, &cap, f) > 0) {
    json_t *said = json_loads(line, 0, NULL); // a last line that was cut is nothing
    if (said)
      again(s, said, &a);
    json_decref(said);
  }
  free(line);
  arena_free(&a);
  s->journal = f;
  return true;
}
