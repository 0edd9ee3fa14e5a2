// The simpler commands; backup, restore and doctor have files of their own.
#include "daemon/cli_run.h"
#include "daemon/serve.h"
#include "daemon/version.h"
#include "flow/password.h"
#include "store/check.h"
#include "store/server.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

int run_request(struct cli *c) {
  return cli_ask(c, false);
}

int run_serve(struct cli *c) {
  struct buf out;
  buf_init(&out, &c->arena, 1 << 20);
  bool example = cli_switch(c, "example_config"), print = cli_switch(c, "print_config");
  if (!example && !print)
    return serve_run(&c->settings);
  if (example)
    settings_example(&out);
  else if (c->json)
    settings_print_json(&c->settings, &out);
  else
    settings_print(&c->settings, &out);
  fwrite(out.p, 1, out.n, stdout);
  return EXIT_DONE;
}

// One line; what comes after it is ignored. False at the end of the input or when the line is too long.
static bool read_line(struct arena *a, struct str *line) {
  enum { PASSWORD_LINE_MAX = PASSWORD_MAX_BYTES + 2 };
  char *text = arena_alloc(a, PASSWORD_LINE_MAX + 1);
  if (!fgets(text, PASSWORD_LINE_MAX + 1, stdin))
    return false;
  size_t n = strlen(text);
  if (n && text[n - 1] == '\n')
    n--;
  if (n && text[n - 1] == '\r')
    n--;
  *line = (struct str){text, n};
  return true;
}

static void interrupted(int signal) {
  (void)signal; // only ends the read, so that the terminal gets its echo back
}

// Asks on the terminal without echo. False at its end or after ^C.
static bool ask_hidden(struct arena *a, const char *question, struct str *answer) {
  struct termios before, quiet;
  struct sigaction old, brief = {.sa_handler = interrupted}; // without SA_RESTART
  if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before))
    return false;
  quiet = before;
  quiet.c_lflag &= ~(tcflag_t)ECHO;
  sigaction(SIGINT, &brief, &old);
  fputs(question, stderr);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  bool got = read_line(a, answer);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  fputc('\n', stderr);
  sigaction(SIGINT, &old, NULL);
  return got;
}

// Twice, since what is typed cannot be seen. False: *why.
static bool ask_password(struct arena *a, struct str *password, const char **why) {
  struct str again;
  *why = "no password: type it on a terminal, or use --password-stdin";
  if (!ask_hidden(a, "Password: ", password) || !ask_hidden(a, "Again: ", &again))
    return false;
  *why = "the two are not the same";
  return str_eq(*password, again);
}

// The password stays in this process: only its hash goes on.
int run_merchant_add(struct cli *c) {
  struct str password, hash;
  bool from_stdin = cli_switch(c, "password_stdin");
  const char *why = "no password on standard input";
  if (from_stdin ? !read_line(&c->arena, &password) : !ask_password(&c->arena, &password, &why))
    return cli_fail(c, EXIT_USAGE, "%s", why);
  enum err e = password_check(password, str_of(cli_text(c, "email")));
  if (!e)
    e = password_hash(password, &c->arena, &hash);
  sodium_memzero((char *)(uintptr_t)password.p, password.n);
  if (e)
    return cli_refused(c, err_sentence(e), err_code(e), e == ERR_PASSWORD ? "password" : NULL);
  json_object_del(c->args, "password_stdin");
  json_object_set_new(c->args, "password_hash", json_stringn(hash.p, hash.n));
  return cli_ask(c, true);
}

// With --json exactly the signed status object.
int run_payment_show(struct cli *c) {
  int status;
  json_t *result = cli_call(c, "payment show", false, &status);
  json_t *answer = json_object_get(result, "payment");
  if (answer && c->json)
    cli_show(c, answer);
  else if (answer) {
    json_object_set(result, "payment", json_object_get(answer, "payment"));
    cli_show(c, result);
  }
  json_decref(result);
  return status;
}

int run_version(struct cli *c) {
  struct str libpq = str_printf(&c->arena, "%d.%d", server_library() / 10000, server_library() % 10000);
  json_t *v =
      json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "version", CRYPTOPAY_VERSION, "sqlite",
                store_library().version, "libpq", libpq.p, "openssl", OpenSSL_version(OPENSSL_VERSION_STRING),
                "sodium", sodium_version_string(), "jansson", jansson_version_str());
  cli_show(c, v);
  json_decref(v);
  return EXIT_DONE;
}
