// A request's way to the gateway: through the control socket of a running server, or in this process under
// the lock.
#include "daemon/cli.h"
#include "daemon/control.h"
#include "daemon/instance.h"

#include <string.h>
#include <time.h>

// A server that starts or stops, or another command, holds the lock for a moment without serving the socket.
enum { TRIES = 200, PAUSE_MS = 50 };

static char *request_text(const struct cli *c, const char *command) {
  json_t *request = json_pack("{s:s, s:O}", "command", command, "args", c->args);
  char *text = json_dumps(request, JSON_COMPACT);
  json_decref(request);
  return text;
}

enum outcome { OUT_ANSWERED, OUT_AGAIN, OUT_FAILED };

static enum outcome over_socket(struct cli *c, const char *path, struct str request, struct buf *answer) {
  switch (control_call(path, request, answer)) {
  case CONTROL_ANSWERED:
    return OUT_ANSWERED;
  case CONTROL_NOBODY:
    return OUT_AGAIN;
  case CONTROL_LOST:
    cli_fail(c, EXIT_UNREACHABLE, "the server took the command but gave no answer: look whether it was done");
    return OUT_FAILED;
  case CONTROL_DENIED:
    cli_fail(c, EXIT_UNREACHABLE, "%s belongs to another user: run this as the user of the server", path);
    return OUT_FAILED;
  }
  return OUT_FAILED;
}

static enum outcome try_once(struct cli *c, bool make, struct str request, struct buf *answer) {
  struct instance g;
  struct str error = STR_NONE;
  switch (instance_open(&g, &c->settings, make, answer->arena, &error)) {
  case FOLDER_OPEN:
    instance_recall_base_url(&g);
    commands_run(&g.gateway, answer->arena, request, answer);
    instance_close(&g);
    return OUT_ANSWERED;
  case FOLDER_BUSY:
    return over_socket(c, g.folder.socket, request, answer);
  case FOLDER_EMPTY:
  case FOLDER_AWAY:
  case FOLDER_BAD:
    cli_fail(c, EXIT_UNREACHABLE, "%.*s", STR_FMT(error));
    return OUT_FAILED;
  }
  return OUT_FAILED;
}

static bool is_stopping(const struct buf *answer) {
  return memmem(answer->p, answer->n, "\"code\":\"stopping\"", 17) != NULL;
}

static bool exchange(struct cli *c, bool make, struct str request, struct buf *answer) {
  for (int i = 0; i < TRIES; i++) {
    enum outcome o = try_once(c, make, request, answer);
    if (o == OUT_FAILED)
      return false;
    if (o == OUT_ANSWERED && !is_stopping(answer))
      return true;
    answer->n = 0;
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
  }
  cli_fail(c, EXIT_UNREACHABLE, "%s is in use, but nothing answers there", c->settings.data);
  return false;
}

int cli_refused(const struct cli *c, const char *error, const char *code, const char *param) {
  if (!c->json) {
    fprintf(stderr, "cryptopay: %s%s%s\n", param ? param : "", param ? ": " : "", error);
    return EXIT_REFUSED;
  }
  json_t *answer = json_pack("{s:b, s:s, s:s?, s:s?}", "ok", 0, "error", error, "code", code, "param", param);
  cli_show(c, answer);
  json_decref(answer);
  return EXIT_REFUSED;
}

static int show_refusal(const struct cli *c, const json_t *answer) {
  const char *error = json_string_value(json_object_get(answer, "error"));
  const char *code = json_string_value(json_object_get(answer, "code"));
  bool unreachable = code && strcmp(code, err_code(ERR_UNAVAILABLE)) == 0;
  if (unreachable && !c->json) // the text for requests speaks of a header
    error = "the server cannot reach its database; it tries on by itself. Why: cryptopay doctor";
  int status =
      cli_refused(c, error ? error : "refused", code, json_string_value(json_object_get(answer, "param")));
  return unreachable ? EXIT_UNREACHABLE : status;
}

static json_t *result_of(struct cli *c, struct str text, int *status) {
  json_t *answer = json_loadb(text.p, text.n, 0, NULL);
  if (!json_is_object(answer)) {
    json_decref(answer);
    *status = cli_fail(c, EXIT_UNREACHABLE, "the answer is not understood; is the server another version?");
    return NULL;
  }
  if (!json_is_true(json_object_get(answer, "ok"))) {
    *status = show_refusal(c, answer);
    json_decref(answer);
    return NULL;
  }
  json_t *result = json_incref(json_object_get(answer, "result"));
  json_decref(answer);
  *status = EXIT_DONE;
  return result;
}

json_t *cli_call(struct cli *c, const char *command, bool make, int *status) {
  struct arena a;
  struct buf answer;
  json_t *result = NULL;
  char *request = request_text(c, command);
  arena_init(&a, (size_t)1 << 30);
  buf_init(&answer, &a, CONTROL_ANSWER_MAX);
  *status = EXIT_UNREACHABLE;
  if (strlen(request) > CONTROL_REQUEST_MAX)
    *status = cli_fail(c, EXIT_USAGE, "too many arguments for one command");
  else if (exchange(c, make, str_of(request), &answer))
    result = result_of(c, buf_view(&answer), status);
  arena_free(&a);
  free(request);
  return result;
}

// The next step, where one is surely missing. For people: programs read the answer.
static void advise(const struct cli *c, const json_t *result) {
  bool added = strcmp(c->command->name, "project add") == 0,
       set = strcmp(c->command->name, "project set") == 0;
  const char *mode = cli_text(c, "mode");
  long long id = json_integer_value(json_object_get(result, "app_id"));
  fflush(stdout);
  if (added || set) {
    if (json_is_null(json_object_get(result, "website")))
      fprintf(stderr,
              "It makes no payments before it has a website: cryptopay project set %lld --website URL\n", id);
    if (set && mode && strcmp(mode, "live") == 0)
      fprintf(stderr, "Whether all is there for real payments is told by: cryptopay doctor\n");
  }
}

int cli_ask(struct cli *c, bool make) {
  int status;
  json_t *result = cli_call(c, c->command->name, make, &status);
  if (result)
    cli_show(c, result);
  if (result && !c->json)
    advise(c, result);
  json_decref(result);
  return status;
}
